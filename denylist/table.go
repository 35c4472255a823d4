package denylist

import (
	"container/heap"
	"time"
)

// pruneBatch is the most rows of a table that a small write forgets: more than
// it adds, so that the expired never pile up, and few enough that nobody waits.
const pruneBatch = 128

// table is a map whose rows expire. Values are never changed once they are in
// it, only replaced, so that a reader may keep one. It has no lock of its own.
type table[K comparable, V any] struct {
	rows  map[K]*row[K, V]
	queue queue[K, V]
}

type row[K comparable, V any] struct {
	key     K
	value   V
	expires time.Time
	place   int // in the queue
}

func newTable[K comparable, V any]() *table[K, V] {
	return &table[K, V]{rows: make(map[K]*row[K, V])}
}

// get returns the value of a row that has not expired.
func (t *table[K, V]) get(key K, now time.Time) (V, bool) {
	r := t.rows[key]
	if r == nil || over(r.expires, now) {
		var none V
		return none, false
	}
	return r.value, true
}

func (t *table[K, V]) put(key K, value V, expires time.Time) {
	if r := t.rows[key]; r != nil {
		r.value, r.expires = value, expires
		heap.Fix(&t.queue, r.place)
		return
	}
	r := &row[K, V]{key: key, value: value, expires: expires}
	t.rows[key] = r
	heap.Push(&t.queue, r)
}

func (t *table[K, V]) drop(key K) {
	if r := t.rows[key]; r != nil {
		heap.Remove(&t.queue, r.place)
		delete(t.rows, key)
	}
}

// prune forgets a batch of expired rows at most.
func (t *table[K, V]) prune(now time.Time, batch int) {
	for range batch {
		if len(t.queue) == 0 || !over(t.queue[0].expires, now) {
			return
		}
		t.drop(t.queue[0].key)
	}
}

// live is the number of rows that have not expired.
func (t *table[K, V]) live(now time.Time) int {
	return len(t.queue) - t.queue.expired(0, now)
}

// queue is a heap of rows, the next to expire first.
type queue[K comparable, V any] []*row[K, V]

func (q queue[K, V]) Len() int           { return len(q) }
func (q queue[K, V]) Less(i, j int) bool { return q[i].expires.Before(q[j].expires) }

func (q queue[K, V]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *queue[K, V]) Push(x any) {
	r := x.(*row[K, V])
	r.place = len(*q)
	*q = append(*q, r)
}

func (q *queue[K, V]) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return r
}

// expired counts the expired rows of the heap under i. Nothing below a live
// row has expired.
func (q queue[K, V]) expired(i int, now time.Time) int {
	if i >= len(q) || !over(q[i].expires, now) {
		return 0
	}
	return 1 + q.expired(2*i+1, now) + q.expired(2*i+2, now)
}
