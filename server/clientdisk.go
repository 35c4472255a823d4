package server

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// update changes the records, and the file where there is one.
func (c *Clients) update(change func([]clientRecord) ([]clientRecord, error)) error {
	return c.tableFile.update(func(t *clientTable) (*clientTable, []byte, error) { return changedClients(t, change) })
}

// changedClients applies a change to a copy of a table and returns the file
// that holds it.
func changedClients(t *clientTable, change func([]clientRecord) ([]clientRecord, error)) (*clientTable, []byte, error) {
	records, err := change(slices.Clone(t.records))
	if err != nil {
		return nil, nil, err
	}
	if records == nil {
		records = []clientRecord{}
	}
	data, err := json.Marshal(clientsFile{Clients: records}, jsontext.WithIndent("  "))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: writing: %w", ErrClientsFile, err)
	}
	next, err := parseClients(data)
	return next, append(data, '\n'), err
}
