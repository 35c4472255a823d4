package denylist

import "context"

// maxCounts is how many counts of failed logins Memory keeps, and how many
// homes of accounts: some 20 MB each. Beyond it the one goes that would be
// forgotten first. They are apart, since homes last: whoever made many would
// leave no place for counts.
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
		if name != names.home {
			m.logins.drop(name)
		}
		if t.Address != "" {
			m.homes.put(names.home, failures{}, atMillis(now+homeLife))
			forgetMost(m.homes, now)
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
	if f, home := m.homes.get(names.home, m.clock()); home {
		return f, names.home
	}
	return m.count(names.account), names.account
}

// keepCount keeps a count until it is empty; that of a home as long as the home.
func (m *Memory) keepCount(name string, f failures, now int64) {
	if r := m.homes.rows[name]; r != nil {
		m.homes.put(name, f, r.expires)
		return
	}
	if f.empty <= now {
		m.logins.drop(name)
		return
	}
	m.logins.put(name, f, atMillis(f.empty))
	forgetMost(m.logins, now)
}

// forgetMost keeps a table of counts within its bounds.
func forgetMost(counts *table[string, failures], now int64) {
	counts.prune(atMillis(now), pruneBatch)
	for len(counts.queue) > maxCounts {
		counts.drop(counts.queue[0].key)
	}
}
