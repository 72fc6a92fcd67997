package shortid

import "testing"

func TestIDs(t *testing.T) {
	hash := make([]byte, 32)
	for i := range hash {
		hash[i] = byte(i)
	}
	if got, want := Alert(hash), "al_000g40r40m30e209185gr38e1w"; got != want {
		t.Errorf("alert id %q, want %q", got, want)
	}
	if got, want := Silence(hash[:10]), "si_000g40r40m30e209"; got != want {
		t.Errorf("silence id %q, want %q", got, want)
	}
}
