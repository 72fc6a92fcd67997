-- Before every script. Times are milliseconds of this server; ages and lengths come from the nodes, clocks never.
local function now() local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000) end
local function num(x) return tonumber(x or 0) or 0 end
local function str(n) return string.format('%.0f', n) end
local MEMORY, LONGEST = 86400000, 34646400000 -- fleet.Memory; longer than any window lives
