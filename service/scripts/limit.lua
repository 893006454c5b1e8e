-- needs: gcra
-- One request against one quota.
-- KEYS: the quota's state. ARGV: limit, window_ms.
-- Reply: {allowed (1 or 0), remaining, reset_ms, retry_after_ms}, as gcra.lua defines them.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
return {gcra(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), now_ms)}
