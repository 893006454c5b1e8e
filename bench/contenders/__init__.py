"""What Pollable is measured against, as each project's tutorial has it. Each runs in an environment of its own.

`NAME.txt` pins the packages of the environment NAME. Nothing here imports Pollable, and Pollable imports nothing here.
"""
