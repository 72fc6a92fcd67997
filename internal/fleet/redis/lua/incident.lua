-- Before every script that opens or ends an incident. KEYS are those of window.lua: the incident is in the window, and what each run said of it beside its gifts.
-- union adds the lines of a text to another one that lacks them.
local function union(all, more)
  all = all or ''
  for word in string.gmatch(more, '[^\n]+') do
    if not string.find('\n' .. all .. '\n', '\n' .. word .. '\n', 1, true) and #all + #word < 4096 then
      if all ~= '' then all = all .. '\n' end
      all = all .. word
    end
  end
  return all
end

-- sums adds two texts of counts.
local function sums(one, other)
  local counts, list = {}, {}
  for reason, n in string.gmatch((one or '') .. ' ' .. (other or ''), '([a-z_]+)=(%d+)') do counts[reason] = (counts[reason] or 0) + num(n) end
  for reason, n in pairs(counts) do list[#list + 1] = reason .. '=' .. str(n) end
  return table.concat(list, ' ')
end

-- few returns the first ten lines of two texts.
local function few(one, other)
  local list = {}
  for line in string.gmatch(one .. '\n' .. (other or ''), '[^\n]+') do
    if #list < 10 then list[#list + 1] = line end
  end
  return table.concat(list, '\n')
end

-- resume has an incident go on whose end nobody delivered in time: a hit came before anybody took it again. What the end was to report is unreported again.
local function resume()
  local z = redis.call('HMGET', KEYS[1], 'zn', 'zc', 'zm', 'zf', 'zl', 'zs', 'zh', 'h', 'c', 'k', 'f', 'l', 's', 'hs')
  redis.call('HDEL', KEYS[1], 'fz', 'tu', 'tr', 'zn', 'zc', 'zk', 'zm', 'zf', 'zl', 'zs', 'zh', 'ze', 'ib', 'il')
  if num(z[1]) == 0 then return end
  local first, sample = z[4], z[6]
  if z[11] then first = str(math.min(num(z[4]), num(z[11]))) end
  redis.call('HSET', KEYS[1], 'h', str(num(z[1]) + num(z[8])), 'c', sums(z[2], z[9]), 'k', str(num(z[3]) + num(z[10])), 'f', first, 'l',
    str(math.max(num(z[5]), num(z[12]))), 's', sample, 'hs', few(z[7], z[14]))
end

-- touch notes the latest hit of a key whose incident is open. A hit that happened after the line which ends it shows that it goes on.
local function touch(t, arrived, hit)
  local w = redis.call('HMGET', KEYS[1], 'ia', 'ih', 'il')
  local latest = math.max(num(w[2]), t - hit)
  redis.call('HSET', KEYS[1], 'ia', str(math.max(math.min(num(w[1]), t), t - arrived)), 'ih', str(latest))
  if w[3] and latest > num(w[3]) then redis.call('HDEL', KEYS[1], 'ib', 'il') end
end

-- begin opens an incident, unless one is open.
local function begin(t, resolve, first, about)
  local w = redis.call('HMGET', KEYS[1], 'io', 'ig', 'if')
  first = t - first
  if w[1] then
    redis.call('HSET', KEYS[1], 'ir', resolve, 'if', str(math.min(first, num(w[3]))))
    return
  end
  redis.call('HDEL', KEYS[1], 'ia', 'ih', 'ib', 'il', 'is', 'it')
  redis.call('HSET', KEYS[1], 'io', str(t), 'ig', str(num(w[2]) + 1), 'ir', resolve, 'if', str(first), 'in', '0', 'ik', '0', 'ix', about)
end

-- tell notes alerts of the incident, and whose they are.
local function tell(alerts, hits, severities, triggers)
  local w = redis.call('HMGET', KEYS[1], 'in', 'ik', 'is', 'it')
  redis.call('HSET', KEYS[1], 'in', str(math.max(0, num(w[1]) + alerts)), 'ik', str(math.max(0, num(w[2]) + hits)), 'is', union(w[3], severities), 'it',
    union(w[4], triggers))
end

-- said returns what a run said last: the incident's number, and the order, the hits and the alerts of the report.
local function said(run)
  local gen, made, hits, alerts = string.match(redis.call('HGET', KEYS[2], 'i:' .. run) or '', '^(%d+):(%d+):(%d+):(%d+)$')
  return gen, num(made), num(hits), num(alerts)
end

-- report notes an incident as a run knows it. i is where it begins in ARGV: resolve, ages of the latest hit, as it arrived and as it happened, and of the first;
-- alerts, hits, order, severities, triggers, about.
local function report(t, run, i)
  begin(t, ARGV[i], num(ARGV[i + 3]), ARGV[i + 9])
  touch(t, num(ARGV[i + 1]), num(ARGV[i + 2]))
  local now_gen = str(num(redis.call('HGET', KEYS[1], 'ig')))
  local gen, made, hits, alerts = said(run)
  if gen ~= now_gen then made, hits, alerts = -1, 0, 0 end
  if num(ARGV[i + 6]) > made then
    tell(num(ARGV[i + 4]) - alerts, num(ARGV[i + 5]) - hits, ARGV[i + 7], ARGV[i + 8])
    redis.call('HSET', KEYS[2], 'i:' .. run, now_gen .. ':' .. ARGV[i + 6] .. ':' .. ARGV[i + 5] .. ':' .. ARGV[i + 4])
  end
end
