package simcloud

import (
	"fmt"
	"sync"
)

// catalog is every resource type that the simulator knows, by token. A new
// service's table is added to this list.
var catalog = sync.OnceValue(func() map[string]*Type {
	all := map[string]*Type{}
	for _, table := range [][]*Type{
		budgetTypes, cloudtrailTypes, cloudwatchTypes, dynamodbTypes, ec2Types, ecrTypes, ecsTypes, eventTypes, iamTypes, kmsTypes,
		s3Types, schedulerTypes, sfnTypes, snsTypes, sqsTypes, ssmTypes,
	} {
		for _, t := range table {
			if all[t.TypeName] != nil {
				panic(fmt.Sprintf("simcloud: two entries for %s", t.TypeName))
			}
			t.Rules = append(t.Rules, checkTags)
			if n := t.Name; n != nil && n.Given {
				t.Required = append(t.Required, n.Property)
			}
			all[t.TypeName] = t
		}
	}
	return all
})

// Types lists the tokens of the resource types that the simulator knows, sorted.
func Types() []string { return sortedKeys(catalog()) }
