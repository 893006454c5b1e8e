-- needs: record
-- Keeps an attempt alive, and takes its progress along.
-- ARGV: our prefix, RQ's prefix, id, token, lease_ms, then optionally percent and message.
-- Reply: 'held', 'stop' (somebody asked for the job to be cancelled), 'done' (this attempt ended itself) or 'lost' (it is no
-- longer the current one).
local id, token, lease_ms, percent, message = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local record = record_key(id)
local state, current, cancelled, done = unpack(
  redis.call('HMGET', record, 'state', 'token', 'cancel_requested', 'done_token'))
if done == token then return 'done' end
if state ~= 'running' or current ~= token then return 'lost' end
use_headroom()
local lease_until = now + lease_ms
redis.call('HSET', record, 'lease_until', lease_until)
redis.call('ZADD', LEASES, lease_until, id)
if percent then
  redis.call('HSET', record, 'progress', percent, 'message', message, 'updated_at', now)
  changed(id)
end
if not cancelled and is_withdrawn(id) then
  redis.call('HSET', record, 'cancel_requested', 1)
  cancelled = true
end
return cancelled and 'stop' or 'held'
