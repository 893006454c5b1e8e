-- needs: record
-- Forgets an ended job: the record, RQ's hash and results. The owner's list alone keeps the id, so that it reads as expired.
-- ARGV: our prefix, RQ's prefix, id, owner ('' for any).
-- Reply: {'missing'}, {'deleted'} or {'live', state}.
local id, owner = ARGV[3], ARGV[4]
local record = record_key(id)
local values = redis.pcall('HMGET', record, unpack(SEEN_BY))
if not values.err and settled(id, owner, values) then values = redis.call('HMGET', record, unpack(SEEN_BY)) end
local state = not values.err and seen(id, owner, values)
if not state then return {'missing'} end
if WAITING[state] or state == 'running' then return {'live', state} end
local queue = field(id, 'queue')
forget_executions(id, queue)
redis.call('ZREM', UNREAD, id)
for _, registry in ipairs({'finished:', 'failed:', 'canceled:'}) do
  redis.call('ZREM', RQ .. registry .. queue, id)
end
if values[2] then let_go(id, values[2]) end
tell(id, (tonumber(field(id, 'version')) or 0) + 1, 'deleted', values[2])
redis.call('ZREM', PAYLOADS, id)
redis.call('DEL', record, rq_key(id), RQ .. 'results:' .. id, RQ .. 'job:' .. id .. ':dependents')
return {'deleted'}
