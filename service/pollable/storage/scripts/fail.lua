-- needs: record
-- Ends a job that waits and that no worker could run.
-- ARGV: our prefix, RQ's prefix, id, code, message. Reply: 1 if it did, 0 where the job no longer waits.
local id, code, message = ARGV[3], ARGV[4], ARGV[5]
local state, queue, ttl_s = unpack(redis.call('HMGET', record_key(id), 'state', 'queue', 'failure_ttl_s'))
if not state or not WAITING[state] then return 0 end
use_headroom()
redis.call('HSET', record_key(id), 'error_code', code, 'error_message', message,
  'rq_enqueued_at', redis.call('HGET', rq_key(id), 'enqueued_at') or '')
finish(id, queue, 'failed', tonumber(ttl_s) or DAMAGED_TTL_S)
show_in_rq(id, queue, 'failed', tonumber(ttl_s) or DAMAGED_TTL_S, message)
return 1
