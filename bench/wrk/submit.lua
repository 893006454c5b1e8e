-- wrk's script for submits: POST the body of the first argument; with a second one, an idempotency key of its own each.
local number, thread = 0, tostring(os.time()) .. tostring(os.clock())

function init(args)
  wrk.method, wrk.body = "POST", args[1]
  wrk.headers["Content-Type"] = "application/json"
  is_keyed = args[2] ~= nil
end

function request()
  if is_keyed then
    number = number + 1
    wrk.headers["Idempotency-Key"] = "bench-" .. thread .. "-" .. number
  end
  return wrk.format()
end
