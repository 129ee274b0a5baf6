-- Requests for wrk, read from a file: `wrk -s load.lua URL -- REQUESTS KEY`.
--
-- A line of the file is a request: method, path, content type, name of a file with the body, with
-- tabs between them, and `-` where there is none. They are sent in turn. Sixteen `@` in a body
-- stand for a number that no other request has.

local MARK = string.rep("@", 16)
local requests, number, sent = {}, 0, 0

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(arguments)
  local headers = { Authorization = "Bearer " .. arguments[2] }
  number = os.time() * 100000
  for line in read(arguments[1]):gmatch("[^\n]+") do
    local method, path, content_type, body_path = line:match("([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)")
    headers["Content-Type"] = content_type ~= "-" and content_type or nil
    local body = body_path ~= "-" and read(body_path) or nil
    local text = wrk.format(method, path, headers, body)
    local first, last = text:find(MARK, 1, true)
    if first then
      table.insert(requests, { text:sub(1, first - 1), text:sub(last + 1) })
    else
      table.insert(requests, text)
    end
  end
end

function request()
  sent = sent + 1
  local chosen = requests[(sent - 1) % #requests + 1]
  if type(chosen) == "string" then
    return chosen
  end
  number = number + 1
  return chosen[1] .. string.format("%016d", number) .. chosen[2]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "bytes": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.bytes, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
