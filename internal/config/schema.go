package config

// SchemaURL is the address of the JSON Schema of a document, docs/configuration.schema.json. Editors read it from the first line of a file:
// "#:schema " and the address.
const SchemaURL = "https://raw.githubusercontent.com/tinyforge/fluentbit-trigger/main/docs/configuration.schema.json"
