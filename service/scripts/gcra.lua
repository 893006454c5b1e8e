-- gcra(key, limit, window_ms, now_ms): one request against a quota, by the generic cell rate algorithm.
-- `limit` requests (1 or more) at once, then one more each window_ms / limit. now_ms is Redis' own clock.
-- Returns
--   allowed         1, or 0 for a refusal, which costs the caller nothing
--   remaining       requests that would be let in now
--   reset_ms        whoever makes at most `remaining` requests within reset_ms is never refused
--   retry_after_ms  until a refused request would be let in; 0 when allowed
-- The key holds when the caller will have paid for everything let in so far; it expires at that moment.
local function gcra(key, limit, window_ms, now_ms)
  -- Whole microseconds: a sum of fractions would refuse the last request of a burst.
  local spacing, now = math.ceil(window_ms * 1000 / limit), now_ms * 1000
  local burst = spacing * limit
  -- Redis' clock may step back; nobody then waits for longer than one window.
  local paid_at = math.min(math.max(tonumber(redis.call('GET', key) or now), now), now + burst)
  local next_paid_at = paid_at + spacing
  local wait_ms = math.ceil((next_paid_at - burst - now) / 1000)
  if next_paid_at > now + burst then return 0, 0, wait_ms, wait_ms end
  redis.call('SET', key, string.format('%.0f', next_paid_at), 'PX', math.ceil((next_paid_at - now) / 1000))
  local remaining = math.floor((burst - (next_paid_at - now)) / spacing)
  local earned = math.max(remaining * spacing, next_paid_at + spacing - burst - now)
  return 1, remaining, math.ceil(earned / 1000), 0
end
