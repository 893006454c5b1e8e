-- needs: record
-- Cancels a job that waits; asks for the end of one that runs.
-- ARGV: our prefix, RQ's prefix, id, owner ('' for any).
-- Reply: {'missing'}, {'cancelled'}, {'requested', worker name or ''} or {'ended', state}.
local id, owner = ARGV[3], ARGV[4]
local record = record_key(id)
local values = redis.pcall('HMGET', record, unpack(SEEN_BY))
if not values.err and settled(id, owner, values) then values = redis.call('HMGET', record, unpack(SEEN_BY)) end
local state = not values.err and seen(id, owner, values)
if not state then return {'missing'} end
if state == 'running' then
  use_headroom()
  redis.call('HSET', record, 'cancel_requested', 1, 'updated_at', now)
  changed(id)
  return {'requested', redis.call('HGET', rq_key(id), 'worker_name') or ''}
end
if not WAITING[state] then return {'ended', state} end
cancel_waiting(id, field(id, 'queue'))
return {'cancelled'}
