-- needs: record
-- Forgets an ended job: the record, RQ's hash and results. The owner's list keeps the id, so that it reads as expired.
-- ARGV: our prefix, RQ's prefix, id, owner ('' for any).
-- Reply: {'missing'}, {'deleted'} or {'live', state}.
local id, owner = ARGV[3], ARGV[4]
local record = record_key(id)
local state, owned_by, queue, expires_at = unpack(
  redis.call('HMGET', record, 'state', 'owner', 'queue', 'expires_at'))
if not state or (owner ~= '' and owner ~= owned_by) then return {'missing'} end
if expires_at and now >= tonumber(expires_at) then return {'missing'} end
if state == 'failed' and is_requeued(id) then return {'live', 'queued'} end
if not expires_at then return {'live', state} end
forget_executions(id, queue)
for _, registry in ipairs({'finished:', 'failed:', 'canceled:'}) do
  redis.call('ZREM', RQ .. registry .. queue, id)
end
redis.call('DEL', record, rq_key(id), RQ .. 'results:' .. id, RQ .. 'job:' .. id .. ':dependents')
return {'deleted'}
