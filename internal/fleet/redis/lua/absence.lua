-- Before every script about an absence. KEYS: 1 the absence, 2 the work that is due for a set of triggers. ARGV: 1 the key's hash.
local member = 'a' .. ARGV[1]
local function schedule()
  local a = redis.call('HMGET', KEYS[1], 'l', 'ab', 'fz', 'tu', 't', 'rc')
  if not a[1] or (a[5] and not a[3] and not a[6]) then
    redis.call('ZREM', KEYS[2], member)
    return
  end
  local at = num(a[1]) + num(a[2])
  if a[6] then at = num(a[6]) end
  if a[3] then at = num(a[4]) end
  redis.call('ZADD', KEYS[2], str(at), member)
  redis.call('PEXPIRE', KEYS[2], LONGEST)
end
local function keep(within) redis.call('PEXPIRE', KEYS[1], str(3 * within + 3600000)) end
-- recover notes that the line was heard after its absence was reported, which is work of its own.
local function recover()
  local a = redis.call('HMGET', KEYS[1], 'l', 't', 'rc')
  if a[2] and not a[3] and num(a[1]) > num(a[2]) then redis.call('HSET', KEYS[1], 'rc', a[1]) end
end
