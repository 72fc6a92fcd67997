package cli

import "embed"

//go:embed completion
var completions embed.FS

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help tells where the script goes.
func (completionCommand) Help() string {
	return "Prints a script that completes commands, flags, their values, and the names of triggers in the configuration.\n\nExamples:\n" +
		"  source <(docker-fluentbit completion bash)\n" +
		"  docker-fluentbit completion bash | sudo tee /etc/bash_completion.d/docker-fluentbit\n" +
		"  docker-fluentbit completion zsh > \"${fpath[1]}/_docker-fluentbit\"\n" +
		"  docker-fluentbit completion fish > ~/.config/fish/completions/docker-fluentbit.fish\n\n" +
		"As a plugin of the Docker CLI it is completed by Docker's own script."
}

// Run prints the script.
func (cmd completionCommand) Run(c *console) error {
	script, err := completions.ReadFile("completion/" + cmd.Shell)
	if err != nil {
		return err
	}
	c.printf("%s", script)
	return nil
}
