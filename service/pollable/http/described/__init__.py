"""The OpenAPI description of a deployment, made once: nothing here is loaded before somebody asks for it."""
