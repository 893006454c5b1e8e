-- needs: clock window
-- Requests against one quota.
-- KEYS: the quota's state. ARGV: limit, window_ms, how many requests.
-- Reply: {allowed (1 or 0), remaining, reset_ms, retry_after_ms}, as window.lua defines them; {} where Redis refuses to
-- write, which is no reason to refuse the request.
local verdict = {pcall(window, KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), now, tonumber(ARGV[3]))}
return verdict[1] and {unpack(verdict, 2)} or {}
