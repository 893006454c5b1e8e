-- needs: clock
-- Whose personal access tokens are, many at a time, each of which notes the day (UTC, since the epoch) of its last use.
-- ARGV: our key prefix, then the tokens' SHA-256.
-- Reply, for each: {owner, scopes, ms that it still counts}; {} where there is no such token.
local today = math.floor(now / 86400000)

local function verified(key)
  local ttl_ms = redis.call('PTTL', key)
  -- pcall, here and below: what lies there may be no hash, and a Redis that refuses to write is no reason to refuse a token.
  local owner, scopes, used_on = unpack(redis.pcall('HMGET', key, 'owner', 'scopes', 'used_on'))
  if ttl_ms <= 0 or not owner or not scopes then return {} end
  if tonumber(used_on) ~= today then redis.pcall('HSET', key, 'used_on', today) end
  return {owner, scopes, ttl_ms}
end

local replies = {}
for at = 2, #ARGV do replies[at - 1] = verified(ARGV[1] .. 'token:' .. ARGV[at]) end
return replies
