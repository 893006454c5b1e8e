-- needs: record
-- Begins an attempt, once: queued -> running with a token and a lease.
-- ARGV: our prefix, RQ's prefix, id, token, lease_ms.
-- Reply: {'claimed', attempt, max_attempts, type, payload, timeout_s, context} or {'refused', the state that it is in}.
local id, token, lease_ms = ARGV[3], ARGV[4], tonumber(ARGV[5])
local record = record_key(id)
local state, queue, current = unpack(redis.call('HMGET', record, 'state', 'queue', 'token'))
if not state then return {'refused', 'missing'} end

local function answer()
  local fields = redis.call('HMGET', record, 'attempt', 'max_attempts', 'type', 'payload', 'timeout_s', 'context')
  return {'claimed', unpack(fields)}
end

redis.call('LREM', queue_key(queue) .. ':intermediate', 0, id)
-- Sent again because the reply was lost.
if state == 'running' and current == token then return answer() end
if state == 'failed' and is_requeued(id) then
  reopen(id, queue)
elseif state ~= 'queued' and state ~= 'scheduled' then
  return {'refused', state}
end

local lease_until = now + lease_ms
redis.call('HINCRBY', record, 'attempt', 1)
redis.call('HSET', record, 'state', 'running', 'token', token, 'lease_until', lease_until, 'updated_at', now,
  'progress', 0)
redis.call('HSETNX', record, 'started_at', now)
redis.call('HDEL', record, 'unseen_since', 'message')
redis.call('ZREM', pending_key(queue), id)
redis.call('ZREM', RQ .. 'scheduled:' .. queue, id)
redis.call('ZADD', LEASES, lease_until, id)
redis.call('PERSIST', rq_key(id))
return answer()
