-- Takes the first waiting id, queue by queue in priority order, into that queue's intermediate list.
-- ARGV: the queues' keys. Reply: {queue key, id} or nil.
for _, queue in ipairs(ARGV) do
  local id = redis.call('LMOVE', queue, queue .. ':intermediate', 'LEFT', 'RIGHT')
  if id then return {queue, id} end
end
return false
