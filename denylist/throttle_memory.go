package denylist

import "context"

// maxCounts is how many counts of failed logins Memory keeps: some 20 MB.
// Beyond it the one goes that would be forgotten first.
const maxCounts = 100_000

// Try implements [Throttle].
func (m *Memory) Try(ctx context.Context, t Trial) error {
	if err := t.fit(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := millis(m.clock())
	names := t.names()
	mine, home := m.countOf(names)
	address := m.count(names.address)
	wait := max(mine.wait(now, t.Limits.Account, accountDrain), address.wait(now, t.Limits.Address, addressDrain))
	if wait > 0 {
		return throttled(wait)
	}
	if t.Limits.Account > 0 {
		m.keepCount(home, mine.more(now, t.Limits.Account, accountDrain), now)
	}
	if t.Limits.Address > 0 && t.Address != "" {
		m.keepCount(names.address, address.more(now, t.Limits.Address, addressDrain), now)
	}
	return nil
}

// Admit implements [Throttle].
func (m *Memory) Admit(ctx context.Context, t Trial) error {
	if err := t.fit(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := millis(m.clock())
	names := t.names()
	if _, name := m.countOf(names); t.Limits.Account > 0 {
		m.logins.drop(name)
		if t.Address != "" {
			m.logins.put(names.home, failures{}, atMillis(now+homeLife))
		}
	}
	m.keepCount(names.address, m.count(names.address).fewer(addressDrain), now)
	return nil
}

// Excuse implements [Throttle].
func (m *Memory) Excuse(ctx context.Context, t Trial) error {
	if err := t.fit(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := millis(m.clock())
	names := t.names()
	mine, name := m.countOf(names)
	m.keepCount(name, mine.fewer(accountDrain), now)
	m.keepCount(names.address, m.count(names.address).fewer(addressDrain), now)
	return nil
}

// fit refuses a trial that nobody can count.
func (t Trial) fit(ctx context.Context) error {
	if err := t.validate(); err != nil {
		return err
	}
	return interrupted(ctx)
}

func (m *Memory) count(name string) failures {
	f, _ := m.logins.get(name, m.clock())
	return f
}

// countOf is the count that an attempt on an account is among, and its name.
func (m *Memory) countOf(names trialNames) (failures, string) {
	if _, home := m.logins.get(names.home, m.clock()); home {
		return m.count(names.home), names.home
	}
	return m.count(names.account), names.account
}

// keepCount keeps a count until it is empty; that of a home as long as the home.
func (m *Memory) keepCount(name string, f failures, now int64) {
	expires := atMillis(f.empty)
	if r := m.logins.rows[name]; r != nil && isHome(name) {
		expires = r.expires
	}
	if millis(expires) <= now {
		m.logins.drop(name)
		return
	}
	m.logins.put(name, f, expires)
	m.logins.prune(atMillis(now), pruneBatch)
	for len(m.logins.queue) > maxCounts {
		m.logins.drop(m.logins.queue[0].key)
	}
}

func isHome(name string) bool { return len(name) > 3 && name[2] == 'h' }
