package receiver

func checkGotifyMessage(p *checked) {
	p.Helper()
	var m gotifyPost
	p.decode(&m)
	p.within("message", m.Message, gotifyMessage)
	p.within("title", m.Title, ntfyTitle)
}
