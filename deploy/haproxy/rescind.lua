-- Asks rescind about a request: http-request lua.rescind URL
--
-- Sets txn.rescind_status (0 where there was no answer), txn.rescind_challenge
-- and, with status 200, txn.rescind_issuer, _subject, _session, _scope and
-- _token_id. It needs HAProxy 2.6.

local said = {
	rescind_issuer = "x-auth-issuer",
	rescind_subject = "x-auth-subject",
	rescind_session = "x-auth-session",
	rescind_scope = "x-auth-scope",
	rescind_token_id = "x-auth-token-id",
	rescind_challenge = "www-authenticate",
}

-- first is a header's first value. Lists of HAProxy begin at 0.
local function first(headers, name)
	local values = headers and headers[name]
	return values and values[0] or ""
end

core.register_action("rescind", { "http-req" }, function(txn, url)
	txn:set_var("txn.rescind_status", 0)

	-- The token, and nothing else that the client sent: all of the headers by
	-- that name, so that two are refused there and not one of them believed.
	local headers = {}
	local tokens = txn.http:req_get_headers()["authorization"]
	if tokens then
		headers["authorization"] = {}
		for i = 0, #tokens do
			table.insert(headers["authorization"], tokens[i])
		end
	end

	-- HAProxy asks up to four times, each of them so many milliseconds.
	local ok, answer = pcall(function()
		return core.httpclient():get({ url = url, headers = headers, timeout = 1500 })
	end)
	if not ok or not answer or not answer.status then
		core.Warning("rescind: no answer: " .. tostring(answer))
		return
	end
	for name, header in pairs(said) do
		txn:set_var("txn." .. name, first(answer.headers, header))
	end
	txn:set_var("txn.rescind_status", answer.status)
end, 1)
