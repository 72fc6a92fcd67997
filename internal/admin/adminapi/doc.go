// Package adminapi defines the requests and responses of the admin API. The server encodes them, the OpenAPI document is generated from them, and the client
// decodes them. The client ignores fields that it does not know, so an older client can read a newer server.
//
// Optional fields are omitted when they are empty. Times are in UTC.
package adminapi
