-- needs: counts
-- A web process adds what it counted itself since the last time, and says how many callers wait in it. From the first on
-- the scripts count, too.
-- ARGV: our prefix, RQ's prefix, the process's id, how many wait ('' where it ends), then names with their labels and by how
-- much each has grown, in turn. Reply: nothing.
local WEBS, WEB_MS, WEBS_TTL_S = OURS .. 'webs', 20000, 60
local id, waiters = ARGV[3], ARGV[4]
redis.call('HSETNX', COUNTS, 'since', now)
redis.call('EXPIRE', COUNTS, COUNTS_TTL_S)
for at = 5, #ARGV - 1, 2 do redis.pcall('HINCRBY', COUNTS, ARGV[at], ARGV[at + 1]) end
local webs = redis.call('HGETALL', WEBS)
for at = 1, #webs, 2 do
  if (tonumber(string.match(webs[at + 1], '^%d+')) or 0) < now then redis.call('HDEL', WEBS, webs[at]) end
end
if waiters == '' then
  redis.call('HDEL', WEBS, id)
else
  redis.call('HSET', WEBS, id, string.format('%.0f %s', now + WEB_MS, waiters))
  redis.call('EXPIRE', WEBS, WEBS_TTL_S)
end
