-- needs: workers
-- Who works on the queues.
-- ARGV: our prefix, RQ's prefix, then the queues' names.
-- Reply: for each queue {the types that living workers know, '*' where RQ's own listen; the types of the next waiting jobs};
-- all queues on which living workers of this prefix listen; what these announce, as type=digest.
local LOOKED_AT = 64
local replies = {}
local function living(key) return redis.call('ZRANGEBYSCORE', key, now, '+inf') end
for at = 3, #ARGV do
  local queue, known, waiting, found = ARGV[at], {}, {}, {}
  local has_stock = note_workers(queue)
  for _, type in ipairs(living(types_key(queue))) do
    -- RQ's own are looked for at every call, so that what was noted of them is of no use here.
    if type ~= '*' or has_stock then known[#known + 1] = type end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', pending_key(queue), '-inf', now, 'LIMIT', 0, LOOKED_AT)) do
    local type = redis.pcall('HGET', record_key(id), 'type')
    if type and not type.err and not found[type] then
      found[type] = true
      waiting[#waiting + 1] = type
    end
  end
  replies[#replies + 1] = {known, waiting}
end
return {replies, living(LISTENED), living(ANNOUNCED)}
