package main

// commands are all that rescind can do, in the order of the usage text.
func commands() []command {
	name, kid := []string{"NAME"}, []string{"KID"}
	return []command{
		{name: "serve", settings: serveSettings, prepare: serveCommand},
		{name: "demo", settings: redisSettings, prepare: demoCommand},
		{name: "status", settings: operatorSettings, prepare: statusCommand},
		{name: "version", prepare: versionCommand},

		{name: "keys new", settings: ringSettings, prepare: keysNew},
		{name: "keys list", settings: ringSettings, prepare: keysList},
		{name: "keys rotate", settings: ringSettings, prepare: keysRotate},
		{name: "keys retire", positional: kid, settings: ringSettings, prepare: keysRetire},
		{name: "keys jwks", settings: ringSettings, prepare: keysJWKS},

		{name: "users add", positional: name, settings: "users", prepare: usersAdd},
		{name: "users passwd", positional: name, settings: "users issuer " + operatorSettings, prepare: usersPasswd},
		{name: "users list", settings: "users", prepare: usersList},
		{name: "users remove", positional: name, settings: "users issuer " + operatorSettings, prepare: usersRemove},

		{name: "clients add", positional: name, settings: "clients", prepare: clientsAdd},
		{name: "clients rotate", positional: name, settings: "clients", prepare: clientsRotate},
		{name: "clients list", settings: "clients", prepare: clientsList},
		{name: "clients remove", positional: name, settings: "clients issuer " + operatorSettings, prepare: clientsRemove},

		{name: "token issue", settings: issueSettings, prepare: tokenIssue},
		{name: "token verify", settings: operatorSettings + " " + verifySettings, prepare: tokenVerify},
		{name: "token inspect", prepare: tokenInspect},
		{name: "token rotate", settings: issueSettings, prepare: tokenRotate},

		{name: "revoke", settings: "users " + operatorSettings + " " + verifySettings, prepare: revokeCommand},
		{name: "check", settings: "users issuer " + operatorSettings, prepare: checkCommand},
		{name: "list", settings: operatorSettings, prepare: listCommand},
		{name: "reinstate", settings: "issuer " + operatorSettings, prepare: reinstateCommand},
		{name: "watch", settings: "issuer " + operatorSettings, prepare: watchCommand},

		{name: "bench list", prepare: benchList},
		{name: "bench run", positional: []string{"SCENARIO..."}, settings: benchSettings, prepare: benchRun},
		{name: "bench report", positional: []string{"FILE..."}, prepare: benchReport},
		{name: "bench compare", positional: []string{"OLD", "NEW"}, prepare: benchCompare},
		{name: "bench tune", settings: tuneSettings, prepare: benchTune},
		{name: "bench follow", prepare: benchFollow},
	}
}
