package initialize

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/starter"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// askTrigger asks for the trigger: its address, its format, and the other settings that its receiver needs.
func (cmd *initCommand) askTrigger(ctx context.Context, c *command.Env) error {
	set := map[string]any{}
	cmd.trigger.Set = set
	for _, assignment := range cmd.Set {
		if err := put(set, assignment); err != nil {
			return err
		}
	}
	if err := cmd.askAddress(ctx, c); err != nil {
		return err
	}
	if err := cmd.askFormat(ctx, c); err != nil {
		return err
	}
	named := set["name"] != nil
	if cmd.Name != "" {
		set["name"], named = cmd.Name, true
	}
	if !named {
		set["name"] = defaultName(set)
	}
	if entry := cmd.trigger.AllowOwn(); entry != "" {
		c.Printf("%s is an address that triggers must not call by default: the file allows it.\n", entry)
	}
	err := cmd.askMissing(ctx, c)
	if !named {
		set["name"] = defaultName(set) // the format may be another one now
	}
	return err
}

// defaultName names a trigger after its format.
func defaultName(set map[string]any) string {
	if format, _ := set["format"].(string); format != trigger.DefaultFormat {
		return format
	}
	return "webhook"
}

// addressKeys are the settings that have the address.
var addressKeys = []string{"url", "url" + setting.FileSuffix, "url" + setting.EnvSuffix}

// askAddress sets the address, from the flag or by asking. A receiver that has an address of its own needs none.
func (cmd *initCommand) askAddress(ctx context.Context, c *command.Env) error {
	set := cmd.trigger.Set
	switch {
	case slices.ContainsFunc(addressKeys, func(key string) bool { return set[key] != nil }):
		if cmd.URL != "" {
			return &command.UsageError{Text: "--url cannot be used together with --set url…"}
		}
		return nil
	case cmd.URL == "-":
		address, err := line(c.In)
		if err != nil || address == "" {
			return &command.UsageError{Text: "--url -: standard input has no address"}
		}
		set["url"] = address
		return nil
	case cmd.URL != "":
		set["url"] = cmd.URL
		return nil
	case cmd.Format != "" && starter.HasAddress(cmd.Format):
		return nil
	case !cmd.asker.on:
		return &command.UsageError{Text: "missing --url URL, and no terminal to ask on"}
	}
	var own []string
	for _, format := range receiver.Formats() {
		if starter.HasAddress(format) {
			own = append(own, format)
		}
	}
	c.Printf("Where should alerts go? Paste the URL of a webhook (Slack, Discord, Teams,\nntfy, Gotify or any other), smtp://HOST for e-mail, or one of the words\n%s.\n", strings.Join(own, ", "))
	for {
		answer, err := cmd.asker.ask(ctx, "Address", "")
		if err != nil {
			return err
		}
		if word := strings.ToLower(answer); slices.Contains(own, word) {
			cmd.Format = word
			return nil
		}
		set["url"], set["name"], set["format"] = answer, "new", trigger.DefaultFormat // any, to have the address checked alone
		cmd.trigger.AllowOwn()
		problems := slices.DeleteFunc(cmd.trigger.Problems(), func(p config.Problem) bool { return p.Field != "url" })
		delete(set, "name")
		delete(set, "format")
		if format, _ := starter.FormatOf(answer); len(problems) == 0 || receiver.For(&trigger.Settings{Format: format}).Mail {
			return nil
		}
		c.Warnf("%s", about(&problems[0]))
	}
}

// askFormat sets the format: that of the flag, or of the address.
func (cmd *initCommand) askFormat(ctx context.Context, c *command.Env) error {
	set := cmd.trigger.Set
	if format, ok := set["format"].(string); ok && cmd.Format == "" {
		cmd.Format = format
	}
	if cmd.Format == "" {
		text := func(key string) string { text, _ := set[key].(string); return text }
		found := client.MissingFormat(&trigger.Settings{Format: trigger.DefaultFormat, URL: setting.SecretSource{
			Text: setting.NewSecret(text(addressKeys[0])), File: text(addressKeys[1]), Env: text(addressKeys[2]),
		}}, os.LookupEnv)
		switch {
		case found != "":
			cmd.Format = found
			c.Printf("Format: %s, by the host of the address.\n", found)
		default:
			answer, err := cmd.asker.ask(ctx, "Format, one of "+strings.Join(receiver.Formats(), ", "), trigger.DefaultFormat)
			if err != nil {
				return err
			}
			cmd.Format = answer
		}
	}
	set["format"] = cmd.Format
	return nil
}

// maxRounds bounds how often settings are asked for: each round asks for those that the last one found missing.
const maxRounds = 10

// askMissing asks for the settings that the receiver needs besides the address, and fails for those that nobody can be asked for.
func (cmd *initCommand) askMissing(ctx context.Context, c *command.Env) error {
	for range maxRounds {
		problems := cmd.trigger.Problems()
		if len(problems) == 0 {
			return nil
		}
		if !cmd.asker.on {
			return cmd.refuse(problems)
		}
		for i := range problems {
			if err := cmd.mend(ctx, c, &problems[i]); err != nil {
				return err
			}
		}
	}
	return cmd.refuse(cmd.trigger.Problems())
}

// mend asks for the setting that a problem is about.
func (cmd *initCommand) mend(ctx context.Context, c *command.Env, p *config.Problem) error {
	key := strings.TrimSuffix(strings.TrimSuffix(p.Field, setting.FileSuffix), setting.EnvSuffix)
	if key == "" || strings.ContainsAny(key, ".[") || key == "format" && cmd.Format == "" {
		return cmd.refuse([]config.Problem{*p})
	}
	// Here a secret is typed, so the other ways to set it are left out.
	c.Printf("%s\n", strings.NewReplacer(": "+setting.SecretHint(key), "", " ("+setting.SecretHint(key)+")", "").Replace(about(p)))
	ask := func() (string, error) { return cmd.asker.ask(ctx, key, "") }
	if slices.Contains(starter.SecretKeys(), key) && key != "url" {
		ask = func() (string, error) { return cmd.asker.hidden(ctx, key) }
	}
	answer, err := ask()
	if err != nil {
		return err
	}
	if key == "to" && !strings.HasPrefix(answer, "[") {
		cmd.trigger.Set[key] = []any{answer}
		return nil
	}
	return put(cmd.trigger.Set, key+"="+answer)
}

// put sets KEY=VALUE. The value of a setting that is a text is never a number or a list.
func put(set map[string]any, assignment string) error {
	if err := command.Put(set, assignment); err != nil {
		return err
	}
	key, text, _ := strings.Cut(assignment, "=")
	if key = strings.TrimSpace(key); starter.IsText(key) {
		if _, ok := set[key].(string); !ok {
			set[key] = text
		}
	}
	return nil
}

// refuse returns the error for problems that nobody can be asked about.
func (cmd *initCommand) refuse(problems []config.Problem) error {
	texts := make([]string, len(problems))
	for i := range problems {
		texts[i] = about(&problems[i])
	}
	hint := ""
	if slices.ContainsFunc(problems, func(p config.Problem) bool { return p.Code == setting.Missing && p.Field != "url" }) {
		hint = ". Give it by --set KEY=VALUE, a secret as KEY_file or KEY_env"
	}
	return &command.Error{Code: command.Usage, Text: strings.Join(texts, "; ") + hint}
}

// about returns a problem without its place, which is in no file.
func about(p *config.Problem) string {
	text := p.Message
	if p.Value != "" && p.Value != setting.Placeholder {
		text = p.Value + ": " + text
	}
	if p.Field != "" {
		text = p.Field + ": " + text
	}
	if p.Hint != "" {
		text += fmt.Sprintf(" (%s)", p.Hint)
	}
	return text
}
