-- needs: names
-- What `pop` begins with: where nothing waits Redis is asked no more than that. It is, most of the time, in all workers.
local lists = {}
for at = 5, #ARGV do
  lists[#lists + 1] = queue_key(ARGV[at])
  lists[#lists + 1] = pending_key(ARGV[at])
end
if redis.call('EXISTS', unpack(lists)) == 0 then return {0} end
