package server

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// update changes the records, and the file where there is one.
func (u *Users) update(change func([]userRecord) ([]userRecord, error)) error {
	return u.tableFile.update(func(t *userTable) (*userTable, []byte, error) { return changed(t, change) })
}

// changed applies a change to a copy of a table and returns the file that
// holds it.
func changed(t *userTable, change func([]userRecord) ([]userRecord, error)) (*userTable, []byte, error) {
	records, err := change(slices.Clone(t.records))
	if err != nil {
		return nil, nil, err
	}
	if records == nil {
		records = []userRecord{}
	}
	data, err := json.Marshal(usersFile{Users: records}, jsontext.WithIndent("  "))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: writing: %w", ErrUsersFile, err)
	}
	next, err := parseUsers(data)
	return next, append(data, '\n'), err
}
