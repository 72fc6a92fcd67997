-- KEYS: 1 the incidents of a rule and a workload by the end of their memory. ARGV: 1 how long to remember, 2 the incident; 0 forgets it.
local t = now()
for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', str(t), 'LIMIT', 0, 16)) do redis.call('ZREM', KEYS[1], m) end
if num(ARGV[1]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[2])
else
  redis.call('ZADD', KEYS[1], str(t + num(ARGV[1])), ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], LONGEST)
return { 1 }
