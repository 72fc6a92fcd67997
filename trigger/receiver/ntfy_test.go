package receiver

func checkNtfyPost(p *checked) {
	p.Helper()
	var m ntfyPost
	p.decode(&m)
	if len(m.Message) > ntfyMessage || m.Priority < 1 || m.Priority > 5 || m.Topic == "" {
		p.Errorf("ntfy: %d bytes, priority %d", len(m.Message), m.Priority)
	}
	if len(p.body) > ntfyBody {
		p.Errorf("ntfy: %d bytes of JSON", len(p.body))
	}
	p.within("title", m.Title, ntfyTitle)
}
