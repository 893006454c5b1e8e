-- needs: record
-- Cancels a job that waits; asks for the end of one that runs.
-- ARGV: our prefix, RQ's prefix, id, owner ('' for any).
-- Reply: {'missing'}, {'cancelled'}, {'requested', worker name or ''} or {'ended', state}.
local id, owner = ARGV[3], ARGV[4]
local record = record_key(id)
local state, owned_by, queue, failure_ttl_s, expires_at = unpack(
  redis.call('HMGET', record, 'state', 'owner', 'queue', 'failure_ttl_s', 'expires_at'))
if not state or (owner ~= '' and owner ~= owned_by) then return {'missing'} end
if expires_at and now >= tonumber(expires_at) then return {'missing'} end

if state == 'running' then
  redis.call('HSET', record, 'cancel_requested', 1, 'updated_at', now)
  return {'requested', redis.call('HGET', rq_key(id), 'worker_name') or ''}
end
if state ~= 'queued' and state ~= 'scheduled' and not (state == 'failed' and is_requeued(id)) then
  return {'ended', state}
end

redis.call('LREM', queue_key(queue), 0, id)
redis.call('ZREM', RQ .. 'scheduled:' .. queue, id)
redis.call('HDEL', record, 'error_code', 'error_message')
redis.call('HSET', record, 'never_ran', 1)
finish(id, queue, 'cancelled', tonumber(failure_ttl_s))
if redis.call('EXISTS', rq_key(id)) == 1 then
  redis.call('HSET', rq_key(id), 'status', 'canceled')
  -- RQ never prunes this registry itself.
  local cancelled = RQ .. 'canceled:' .. queue
  redis.call('ZREMRANGEBYSCORE', cancelled, 0, math.floor(now / 1000) - tonumber(failure_ttl_s))
  redis.call('ZADD', cancelled, math.floor(now / 1000), id)
end
return {'cancelled'}
