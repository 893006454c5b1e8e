-- window(key, limit, window_ms, now_ms, cost): `cost` requests against a quota of `limit` in any window_ms, all or none.
-- The key is a list of when each request of the last window was let in (ms), oldest first; it ends with the window.
-- Returns
--   allowed         1, or 0 for a refusal, which costs the caller nothing
--   remaining       requests that would be let in now
--   reset_ms        until there is more; 0 when there is all
--   retry_after_ms  until as many would be let in; 0 when allowed
local function window(key, limit, window_ms, now_ms, cost)
  -- Redis' clock stepped back: nobody waits for a time that may be far.
  if (tonumber(redis.call('LINDEX', key, -1)) or 0) > now_ms then redis.call('DEL', key) end
  -- A moment is cut to whole milliseconds: only a greater difference is certain to be a whole window.
  local oldest = tonumber(redis.call('LINDEX', key, 0))
  while oldest and now_ms - oldest > window_ms do
    redis.call('LPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, 0))
  end
  local used = redis.call('LLEN', key)
  local function until_free(count)
    -- A limit may have been lowered since, and a cost may be more than there ever is.
    local blocking = redis.call('LINDEX', key, math.min(count, used) - 1)
    return blocking and math.max(blocking + window_ms - now_ms, 1) or 0
  end
  local lacking = used + cost - limit
  if lacking > 0 then return 0, math.max(limit - used, 0), until_free(1), until_free(lacking) end
  for _ = 1, cost do redis.call('RPUSH', key, now_ms) end
  redis.call('PEXPIRE', key, window_ms + 1)
  used = used + cost
  return 1, limit - used, until_free(1), 0
end
