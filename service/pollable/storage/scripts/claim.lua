-- needs: record
-- Begins an attempt, once: queued -> running with a token and a lease.
-- ARGV: our prefix, RQ's prefix, id, token, lease_ms, the job types that the claimant knows (joined by spaces), then the
-- names of the record's fields that it wants.
-- Reply: {'claimed', the values of those fields} or {'refused', why}: the state that it is in, 'missing' or 'unknown_type'.
local id, token, lease_ms = ARGV[3], ARGV[4], tonumber(ARGV[5])
local record = record_key(id)
local state, queue, current, type, handed_over = unpack(
  redis.call('HMGET', record, 'state', 'queue', 'token', 'type', 'handed_over'))
if not state then return {'refused', 'missing'} end

local function answer() return {'claimed', unpack(redis.call('HMGET', record, unpack(ARGV, 7)))} end

local function is_known()
  for _, known in ipairs(split(ARGV[6])) do
    if known == type then return true end
  end
  return false
end

redis.call('LREM', queue_key(queue) .. ':intermediate', 0, id)
-- Sent again because the reply was lost.
if state == 'running' and current == token then return answer() end
if is_reopened(id, state) then
  reopen(id, queue)
elseif not WAITING[state] then
  return {'refused', state}
elseif is_called_off(id, state, queue, handed_over) then
  heed(id, queue)
  return {'refused', 'cancelled'}
end
if not is_known() then
  redis.call('HDEL', record, 'takings')
  offer_to_ours(id, queue)
  return {'refused', 'unknown_type'}
end

local lease_until = now + lease_ms
redis.call('HINCRBY', record, 'attempt', 1)
redis.call('HSET', record, 'state', 'running', 'token', token, 'lease_until', lease_until, 'updated_at', now,
  'progress', 0)
redis.call('HSETNX', record, 'started_at', now)
redis.call('HDEL', record, 'unseen_since', 'handed_over', 'takings', 'message')
redis.call('ZREM', pending_key(queue), id)
redis.call('ZREM', RQ .. 'scheduled:' .. queue, id)
redis.call('ZADD', LEASES, lease_until, id)
redis.call('PERSIST', rq_key(id))
changed(id)
return answer()
