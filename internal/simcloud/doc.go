// Package simcloud simulates the aws, awsx and docker-build providers for the
// real Pulumi engine: a stack is planned, deployed, changed and destroyed as
// it would be in an account, without an account, credentials or a network.
//
// The providers are real gRPC servers, so that the engine in this process and
// the plain Pulumi CLI (PULUMI_DEBUG_PROVIDERS) drive the same code:
//
//	cloud := simcloud.New(simcloud.Options{Account: "111122223333"})
//	server, err := simcloud.Serve(cloud)
//	defer server.Close()
//	os.Setenv("PULUMI_DEBUG_PROVIDERS", server.DebugProviders())
//
// Property names, their types and what is required come from the SDK's own
// types, by reflection. What those types cannot say (allowed values, name
// rules, the JSON inside strings, what AWS replaces, what must exist first) is
// a table: one entry per resource type, one file per service (s3.go, ecs.go,
// ...). A type without an entry is refused; to add one, write its entry in its
// service's file, or a new file whose table is listed in catalog.go.
package simcloud
