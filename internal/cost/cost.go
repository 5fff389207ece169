// Package cost estimates what planned resources cost in a month, at rest and
// for each run, from a dated table of list prices.
package cost

import (
	"cmp"
	_ "embed" // the table of prices
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/contract"
)

const hoursPerMonth = 730

//go:embed prices.json
var priceTable []byte

type price struct {
	USD     float64 `json:"usd"`
	Unit    string  `json:"unit"`
	Free    float64 `json:"free"` // how many of an account cost nothing in a month
	AsOf    string  `json:"asOf"` // when the source said so: a year, or a month
	Source  string  `json:"source"`
	Checked bool    `json:"checked"` // against a second source
	Second  string  `json:"second"`  // that source, where it was noted
}

// Resource is a planned resource: its type in Pulumi and its resolved inputs,
// as JSON values.
type Resource struct {
	Type, Name string
	Inputs     map[string]any
}

// Assumptions are what a plan cannot tell.
type Assumptions struct {
	RunsPerMonth float64 `json:"runsPerMonth"`
	InputGB      float64 `json:"inputGB"`      // size of one input
	Objects      float64 `json:"objects"`      // in which it comes, where a run is spread over them
	OutputRatio  float64 `json:"outputRatio"`  // size of the output, of the input's: narrow output, bench/README.md
	MBPerSecond  float64 `json:"mbPerSecond"`  // of input, for one vCPU from and to S3: narrow output, bench/README.md
	StartSeconds float64 `json:"startSeconds"` // pulling the image and starting, billed too
	StoredGB     float64 `json:"storedGB"`     // in all buckets together, versions included
	ImageGB      float64 `json:"imageGB"`      // of all images in a repository together
	LogMB        float64 `json:"logMB"`        // that one run adds to each log group
	PartLogMB    float64 `json:"partLogMB"`    // that each part of a run that is spread adds to that of the job and that of the machine
	CallMB       float64 `json:"callMB"`       // that a run says to AWS's services and hears from them, beside its log and objects

	// Requests of S3 and their speed, as preprocess/storage makes them. The study of
	// scale takes them from here.
	ReadPartMB         float64 `json:"readPartMB"`         // that one request reads
	WritePartMB        float64 `json:"writePartMB"`        // that one request writes at first; Parts tells the rest
	ReadsAtOnce        float64 `json:"readsAtOnce"`        // of one object
	WritesAtOnce       float64 `json:"writesAtOnce"`       // of one result
	FirstByteSeconds   float64 `json:"firstByteSeconds"`   // until S3 answers: docs/decisions/scale-study.md
	RequestMBPerSecond float64 `json:"requestMBPerSecond"` // that one request transfers then
	GetsPerRun         float64 `json:"getsPerRun"`         // beside parts, counted by tests/scale: reads of a run
	PutsPerRun         float64 `json:"putsPerRun"`         // writes and listings of a run
	GetsPerTask        float64 `json:"getsPerTask"`        // reads of a task more
	GetsPerObject      float64 `json:"getsPerObject"`      // reads for an object or a range
	PutsPerObject      float64 `json:"putsPerObject"`      // the same, writes and listings

	JobMetrics float64 `json:"jobMetrics"` // that a run writes into its log
	SpotShare  float64 `json:"spotShare"`  // what Spot costs, of the On-Demand price
}

// Defaults are the assumptions that nobody changed.
func Defaults() Assumptions {
	return Assumptions{
		RunsPerMonth: 1, InputGB: 1, Objects: 100, PartLogMB: 0.05, OutputRatio: 1.5, MBPerSecond: 114, StartSeconds: 30, StoredGB: 5, ImageGB: 0.2, LogMB: 1, CallMB: 1,
		ReadPartMB: 1 << 20 / 1e6, WritePartMB: 5 << 20 / 1e6, ReadsAtOnce: 6, WritesAtOnce: 2, FirstByteSeconds: 0.02, RequestMBPerSecond: 93,
		GetsPerRun: 16, PutsPerRun: 11, GetsPerTask: 5, GetsPerObject: 10, PutsPerObject: 7,
		JobMetrics: float64(len(contract.Metrics())), SpotShare: 0.3,
	}
}

// Check reports every assumption that cannot be.
func (a Assumptions) Check() error {
	var wrong []string
	for _, v := range []struct {
		name               string
		value, least, most float64
	}{
		{"runsPerMonth", a.RunsPerMonth, 0, 1e6}, {"inputGB", a.InputGB, 0, 1e9}, {"objects", a.Objects, 0, 1e12}, {"partLogMB", a.PartLogMB, 0, 1e9}, {"outputRatio", a.OutputRatio, 0, 1e6},
		{"mbPerSecond", a.MBPerSecond, 0.001, 1e9}, {"startSeconds", a.StartSeconds, 0, 1e9},
		{"storedGB", a.StoredGB, 0, 1e9}, {"imageGB", a.ImageGB, 0, 1e9}, {"logMB", a.LogMB, 0, 1e9}, {"callMB", a.CallMB, 0, 1e9},
		{"readPartMB", a.ReadPartMB, 0.001, 1e9}, {"writePartMB", a.WritePartMB, 0.001, 1e9}, {"readsAtOnce", a.ReadsAtOnce, 1, 1e9}, {"writesAtOnce", a.WritesAtOnce, 1, 1e9},
		{"firstByteSeconds", a.FirstByteSeconds, 0, 1e9}, {"requestMBPerSecond", a.RequestMBPerSecond, 0.001, 1e9},
		{"getsPerRun", a.GetsPerRun, 0, 1e9}, {"putsPerRun", a.PutsPerRun, 0, 1e9}, {"getsPerTask", a.GetsPerTask, 0, 1e9},
		{"getsPerObject", a.GetsPerObject, 0, 1e9}, {"putsPerObject", a.PutsPerObject, 0, 1e9}, {"jobMetrics", a.JobMetrics, 0, 1e9}, {"spotShare", a.SpotShare, 0, 1},
	} {
		if !(v.value >= v.least && v.value <= v.most) {
			wrong = append(wrong, fmt.Sprintf("%s: got %v, want %v to %v", v.name, v.value, v.least, v.most))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n"))
	}
	return nil
}

// Item is one line of an estimate, in US dollars. USD leaves out what is free
// for an account that runs nothing else; ListUSD does not.
type Item struct {
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	UnitUSD  float64 `json:"unitUSD"`
	USD      float64 `json:"usd"`
	ListUSD  float64 `json:"listUSD"`
	AsOf     string  `json:"asOf"`
	Source   string  `json:"source"`
	Checked  bool    `json:"checked"`
	Second   string  `json:"second,omitempty"`
}

// Estimate is what a plan costs: a month without runs, and one run. What a run
// leaves behind, its log, is part of the month.
type Estimate struct {
	AsOf        string      `json:"asOf"` // the oldest and the newest price
	Region      string      `json:"region"`
	Note        string      `json:"note,omitempty"`
	AtRestUSD   float64     `json:"atRestUSD"` // a month
	AtRestList  float64     `json:"atRestListUSD"`
	PerRunUSD   float64     `json:"perRunUSD"`
	PerRunList  float64     `json:"perRunListUSD"`
	MonthUSD    float64     `json:"monthUSD"` // at rest and all runs
	RunSeconds  float64     `json:"runSeconds"`
	Tasks       float64     `json:"tasks"` // of one run
	AtRest      []Item      `json:"atRest"`
	PerRun      []Item      `json:"perRun"`
	NotPriced   []string    `json:"notPriced"`
	Assumptions Assumptions `json:"assumptions"`
}

// free are the types that cost nothing themselves; what goes through some of
// them is counted elsewhere.
var free = map[string]bool{
	"aws:budgets/budget:Budget":                                 true, // without actions
	"aws:cloudwatch/eventRule:EventRule":                        true, // events of AWS's own services
	"aws:cloudwatch/eventTarget:EventTarget":                    true,
	"aws:cloudwatch/logResourcePolicy:LogResourcePolicy":        true,
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":         true,
	"aws:ec2/internetGateway:InternetGateway":                   true,
	"aws:ec2/route:Route":                                       true,
	"aws:ec2/routeTable:RouteTable":                             true,
	"aws:ec2/routeTableAssociation:RouteTableAssociation":       true,
	"aws:ec2/securityGroup:SecurityGroup":                       true,
	"aws:ec2/subnet:Subnet":                                     true,
	"aws:ec2/vpc:Vpc":                                           true,
	"aws:ecr/lifecyclePolicy:LifecyclePolicy":                   true,
	"aws:ecr/repositoryPolicy:RepositoryPolicy":                 true,
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": true,
	"aws:iam/role:Role":                                         true,
	"aws:iam/rolePolicy:RolePolicy":                             true,
	"aws:kms/alias:Alias":                                       true,
	"aws:kms/keyPolicy:KeyPolicy":                               true,
	"aws:s3/bucketLoggingV2:BucketLoggingV2":                    true, // what it writes is in storedGB
	"aws:s3/bucketNotification:BucketNotification":              true,
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls":    true,
	"aws:s3/bucketPolicy:BucketPolicy":                          true,
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":    true,
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": true,
	"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               true, // versions are in storedGB
	"aws:scheduler/scheduleGroup:ScheduleGroup":                                                  true,
	"aws:sns/topicPolicy:TopicPolicy":                                                            true,
	"aws:sqs/queuePolicy:QueuePolicy":                                                            true,
	"aws:sqs/redriveAllowPolicy:RedriveAllowPolicy":                                              true,
	"docker-build:index:Image":                                                                   true, // kept in a repository
}

// lines are the lines of an estimate in order; use is what is counted below.
var lines = []struct {
	use, price, what string
	atRest           bool
}{
	{"nat", "nat", "NAT gateways", true},
	{"address", "publicIPv4", "public addresses", true},
	{"interfaceEndpoint", "interfaceEndpoint", "interface endpoints", true},
	{"kmsKey", "kmsKey", "encryption keys", true},
	{"alarm", "alarm", "alarms", true},
	{"dashboard", "dashboard", "dashboards", true},
	{"insights", "metric", "Container Insights of the cluster", true},
	{"s3Storage", "s3Storage", "objects kept", true},
	{"ecrStorage", "ecrStorage", "images kept", true},
	{"logsStorage", "logsStorage", "logs kept", true},

	{"vcpuX86", "vcpuX86", "CPU", false},
	{"memoryX86", "memoryX86", "memory", false},
	{"vcpuARM", "vcpuARM", "CPU, ARM", false},
	{"memoryARM", "memoryARM", "memory, ARM", false},
	{"vcpuX86Spot", "vcpuX86", "CPU, Spot", false},
	{"memoryX86Spot", "memoryX86", "memory, Spot", false},
	{"vcpuARMSpot", "vcpuARM", "CPU, ARM, Spot", false},
	{"memoryARMSpot", "memoryARM", "memory, ARM, Spot", false},
	{"ephemeral", "ephemeral", "scratch space above 20 GB", false},
	{"taskAddress", "publicIPv4", "public address of the task", false},
	{"natData", "natData", "data through NAT gateways", false},
	{"endpointData", "endpointData", "data through interface endpoints", false},
	{"transition", "transition", "state transitions", false},
	{"trace", "trace", "traces of executions", false},
	{"dynamoDBRead", "dynamoDBRead", "reads of the table of runs", false},
	{"dynamoDBWrite", "dynamoDBWrite", "writes to the table of runs", false},
	{"snsPublish", "snsPublish", "messages of a run that succeeds", false},
	{"snsEmail", "snsEmail", "e-mails of a run that succeeds", false},
	{"sqsRequest", "sqsRequest", "dead letters of a run that succeeds", false},
	{"scheduler", "scheduler", "starts by a schedule with a time zone", false},
	{"s3Get", "s3Get", "reads of objects", false},
	{"s3Put", "s3Put", "writes and listings of objects", false},
	{"dataEvent", "dataEvent", "data events of the trail", false},
	{"kmsRequest", "kmsRequest", "requests to encryption keys", false},
	{"logsIngest", "logsIngest", "logs written", false},
	{"logsIngestS3", "logsIngestS3", "flow logs written to a bucket", false},
	{"jobMetrics", "metric", "metrics of the job, for the hours of a run", false},
	{"taskInsights", "metric", "Container Insights of the task, for those hours", false},
}

// What Container Insights write, at most: metrics of a cluster all the time, and
// of a task definition's family while a task runs.
const (
	clusterMetrics = 8
	familyMetrics  = 6
)

// Of estimates what resources cost in a region, in whatever order they come. A
// type that is neither priced nor known to be free is listed in NotPriced.
func Of(region string, resources []Resource, a Assumptions) (*Estimate, error) {
	if err := a.Check(); err != nil {
		return nil, fmt.Errorf("assumptions of the cost estimate:\n%w", err)
	}
	var table struct {
		Region string
		Prices map[string]price
	}
	if err := json.Unmarshal(priceTable, &table); err != nil {
		return nil, fmt.Errorf("read the table of prices: %w", err)
	}
	e := &Estimate{Region: region, AtRest: []Item{}, PerRun: []Item{}, NotPriced: []string{}, Assumptions: a}
	if region != table.Region {
		e.Note = fmt.Sprintf("prices of %s are not in the table; those of %s are used", region, table.Region)
	}
	c := &counter{Assumptions: a, use: map[string]float64{}, unknown: map[string]int{}}
	if err := c.addAll(resources); err != nil {
		return nil, err
	}
	e.RunSeconds, e.Tasks = c.seconds, c.tasks()
	left := map[string]float64{} // of what is free, by price
	for name, p := range table.Prices {
		left[name] = p.Free
	}
	var oldest, newest string
	for _, l := range lines {
		n, used := c.use[l.use]
		if !used {
			continue
		}
		p, ok := table.Prices[l.price]
		if !ok {
			return nil, fmt.Errorf("the table of prices has no %s", l.price)
		}
		if oldest == "" || p.AsOf < oldest {
			oldest = p.AsOf
		}
		newest = max(newest, p.AsOf)
		if strings.HasSuffix(l.use, "Spot") {
			p.USD *= a.SpotShare
		}
		times := 1.0
		if !l.atRest {
			times = a.RunsPerMonth
		}
		paid := n // of n, on average over the runs of a month
		if times > 0 {
			paid = math.Max(0, n*times-left[l.price]) / times
			left[l.price] = math.Max(0, left[l.price]-n*times)
		}
		item := Item{
			What: l.what, Quantity: n, Unit: p.Unit, UnitUSD: p.USD, USD: paid * p.USD, ListUSD: n * p.USD,
			AsOf: p.AsOf, Source: p.Source, Checked: p.Checked, Second: p.Second,
		}
		if l.atRest {
			e.AtRest = append(e.AtRest, item)
			e.AtRestUSD += item.USD
			e.AtRestList += item.ListUSD
		} else {
			e.PerRun = append(e.PerRun, item)
			e.PerRunUSD += item.USD
			e.PerRunList += item.ListUSD
		}
	}
	e.AsOf = oldest
	if newest != oldest {
		e.AsOf += " to " + newest
	}
	e.MonthUSD = e.AtRestUSD + a.RunsPerMonth*e.PerRunUSD
	for name, n := range c.unknown {
		e.NotPriced = append(e.NotPriced, fmt.Sprintf("%s (%d)", name, n))
	}
	slices.Sort(e.NotPriced)
	return e, nil
}

// counter counts what is used, at rest in a month and by one run.
type counter struct {
	Assumptions
	use     map[string]float64
	unknown map[string]int
	seconds float64

	// What a run pays for depends on these, wherever they stand.
	publicIP, spot, keyed, trailed, insights bool
	s3Gateway                                bool // objects and images take the free gateway of S3
	emails                                   float64

	keepDays float64 // the longest that a log group keeps
	fan      *fan    // of runs that are spread; parts and ran are how many tasks and others they have
	parts    float64
	ran      float64
}

func (c *counter) addAll(resources []Resource) error {
	// A sum of floats depends on its order.
	resources = slices.Clone(resources)
	slices.SortStableFunc(resources, func(a, b Resource) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
	tasks := []Resource{}
	buckets := false
	for _, r := range resources {
		switch {
		case r.Type == "aws:ecs/taskDefinition:TaskDefinition":
			tasks = append(tasks, r)
		case r.Type == "aws:s3/bucketV2:BucketV2" || r.Type == "aws:s3/bucket:Bucket":
			buckets = true
		case !c.add(r):
			c.addMachine(r)
		}
	}
	for _, r := range tasks {
		if err := c.addTask(r); err != nil {
			return err
		}
	}
	if c.fan != nil {
		c.addLog(c.parts*c.PartLogMB, c.keepDays)
		c.addLog(c.parts*c.PartLogMB, c.keepDays)
	}
	if buckets {
		c.addObjects()
	}
	if n := c.use["snsPublish"] * c.emails; n > 0 {
		c.use["snsEmail"] = n
	}
	return nil
}

// add counts a resource; it is false for one that is left to others.
func (c *counter) add(r Resource) bool {
	text := func(name string) string { s, _ := r.Inputs[name].(string); return s }
	switch r.Type {
	case "aws:ec2/natGateway:NatGateway":
		c.use["nat"] += hoursPerMonth
	case "aws:ec2/eip:Eip":
		c.use["address"] += hoursPerMonth
	case "aws:ec2/vpcEndpoint:VpcEndpoint":
		switch kind := text("vpcEndpointType"); kind {
		case "", "Gateway":
			c.s3Gateway = c.s3Gateway || strings.HasSuffix(text("serviceName"), ".s3")
		case "Interface":
			zones, _ := r.Inputs["subnetIds"].([]any)
			c.use["interfaceEndpoint"] += hoursPerMonth * math.Max(1, float64(len(zones)))
		default:
			c.unknown[r.Type+" ("+kind+")"]++
		}
	case "aws:ec2/flowLog:FlowLog":
		if text("logDestinationType") == "s3" { // else it writes to a log group
			c.use["logsIngestS3"] += c.LogMB / 1000
		}
	case "aws:ssm/parameter:Parameter":
		if tier := text("tier"); tier != "" && tier != "Standard" {
			c.unknown[r.Type+" ("+tier+")"]++
		}
	case "aws:ecs/cluster:Cluster":
		if insights(r.Inputs) {
			c.insights = true
			c.use["insights"] += clusterMetrics
			c.addLog(c.LogMB, 1) // AWS creates this log group and keeps it for a day
		}
	case "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2":
		// Expiry is free. What moves is counted as if it stayed, which is the most it
		// can cost to keep, but moving and reading it is not free.
		for class := range transitionClasses(r.Inputs) {
			c.unknown[r.Type+" ("+class+")"]++
		}
	case "aws:kms/key:Key":
		c.keyed = true
		c.use["kmsKey"]++
	case "aws:cloudtrail/trail:Trail":
		selectors, _ := r.Inputs["eventSelectors"].([]any)
		advanced, _ := r.Inputs["advancedEventSelectors"].([]any)
		c.trailed = c.trailed || len(selectors)+len(advanced) > 0
	case "aws:cloudwatch/metricAlarm:MetricAlarm":
		c.use["alarm"] += alarmMetrics(r.Inputs)
	case "aws:cloudwatch/dashboard:Dashboard":
		c.use["dashboard"]++
	case "aws:cloudwatch/logGroup:LogGroup":
		days, _ := r.Inputs["retentionInDays"].(float64)
		c.addLog(c.LogMB, days)
		c.keepDays = max(c.keepDays, days)
	case "aws:ecr/repository:Repository":
		c.use["ecrStorage"] += c.ImageGB
	case "aws:dynamodb/table:Table":
		if mode := text("billingMode"); mode != "PAY_PER_REQUEST" {
			c.unknown[fmt.Sprintf("%s (%q)", r.Type, mode)]++
		}
	case "aws:sns/topic:Topic":
		c.use["snsPublish"] += 0
	case "aws:sns/topicSubscription:TopicSubscription":
		if protocol := text("protocol"); protocol == "email" || protocol == "email-json" {
			c.emails++
		} else if protocol != "sqs" && protocol != "lambda" {
			c.unknown[r.Type+" ("+protocol+")"]++
		}
	case "aws:sqs/queue:Queue":
		c.use["sqsRequest"] += 0
	case "aws:scheduler/schedule:Schedule":
		c.use["scheduler"]++
	default:
		return false
	}
	return true
}

// addLog counts what a run writes to a log group, and what the group holds of
// the runs of days days; 0 keeps it for ever, which is counted as 10 years.
func (c *counter) addLog(mb, days float64) {
	if days <= 0 {
		days = 3650
	}
	c.use["logsIngest"] += mb / 1000
	c.use["logsStorage"] += mb / 1000 * c.RunsPerMonth * days / (365.0 / 12)
}

// addMachine counts a state machine, or notes that r is not known.
func (c *counter) addMachine(r Resource) {
	if r.Type != "aws:sfn/stateMachine:StateMachine" {
		if !free[r.Type] {
			c.unknown[r.Type]++
		}
		return
	}
	if kind, _ := r.Inputs["type"].(string); kind == "EXPRESS" {
		c.unknown[r.Type+" (EXPRESS)"]++
		return
	}
	definition, _ := r.Inputs["definition"].(string)
	p, err := normalPath(definition)
	if err != nil {
		c.unknown[fmt.Sprintf("%s %s: %v", r.Type, r.Name, err)]++
		return
	}
	c.use["transition"] += p.transitions
	c.use["snsPublish"] += p.count(":sns:publish")
	if reads := p.count(":dynamodb:getItem"); reads > 0 {
		c.use["dynamoDBRead"] += reads
	}
	if writes := p.count(":dynamodb:putItem") + p.count(":dynamodb:updateItem") + p.count(":dynamodb:deleteItem"); writes > 0 {
		c.use["dynamoDBWrite"] += writes
	}
	traces := 1.0
	if p.fan != nil {
		c.fan, c.ran = p.fan, p.ran
		c.parts = max(1, math.Ceil(c.Objects/p.fan.items))
		if p.fan.rangeBytes > 0 {
			c.parts = max(1, math.Ceil(c.InputGB*1e9/p.fan.rangeBytes))
		}
		c.use["transition"] += c.parts * p.fan.part.transitions
		traces += c.parts
	}
	tracing, _ := r.Inputs["tracingConfiguration"].(map[string]any)
	if tracing["enabled"] == true {
		c.use["trace"] += traces
	}
	c.publicIP = c.publicIP || p.publicIP
	c.spot = c.spot || p.spot
}

// addObjects counts what is kept and what a run reads and writes.
func (c *counter) addObjects() {
	c.use["s3Storage"] = c.StoredGB
	objects, ranges := 1.0, false
	if c.fan != nil {
		objects, ranges = max(1, c.Objects), c.fan.rangeBytes > 0
		if ranges {
			objects = c.parts
		}
	}
	gets, puts := c.requests(c.tasks(), objects, ranges)
	if c.fan != nil {
		// The map lists a thousand objects at once, and writes its record in a few
		// requests; a range is read once before, to be cut.
		puts += math.Ceil(c.Objects/1000) + recordPuts
		if ranges {
			gets += math.Ceil(c.InputGB * 1000 / c.ReadPartMB)
		}
	}
	c.use["s3Get"], c.use["s3Put"] = gets, puts
	if c.trailed {
		c.use["dataEvent"] = gets + puts
	}
	if c.keyed {
		c.use["kmsRequest"] = gets + puts // a bucket key makes it fewer
	}
}

// tasks is how many tasks of ECS a run is.
func (c *counter) tasks() float64 { return math.Max(1, c.ran+c.parts) }

// recordPuts is what a map writes of its run: a manifest, and a file for each
// status that its parts have.
const recordPuts = 4

// insights tells whether a cluster has Container Insights, which are billed.
func insights(inputs map[string]any) bool {
	settings, _ := inputs["settings"].([]any)
	for _, v := range settings {
		if m, ok := v.(map[string]any); ok && m["name"] == "containerInsights" && m["value"] != "disabled" {
			return true
		}
	}
	return false
}

// transitionClasses are the storage classes that a lifecycle moves objects to.
func transitionClasses(inputs map[string]any) map[string]bool {
	classes := map[string]bool{}
	rules, _ := inputs["rules"].([]any)
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		for _, name := range []string{"transitions", "noncurrentVersionTransitions"} {
			transitions, _ := rule[name].([]any)
			for _, t := range transitions {
				if m, ok := t.(map[string]any); ok {
					classes[fmt.Sprint(m["storageClass"])] = true
				}
			}
		}
	}
	return classes
}

// alarmMetrics is how many metrics an alarm is billed for: each one that its
// expression reads.
func alarmMetrics(inputs map[string]any) float64 {
	n := 0.0
	queries, _ := inputs["metricQueries"].([]any)
	for _, q := range queries {
		if m, ok := q.(map[string]any); ok && m["metric"] != nil {
			n++
		}
	}
	return math.Max(1, n)
}

// addTask counts one run of a Fargate task.
func (c *counter) addTask(r Resource) error {
	cpu, err := number(r, "cpu")
	if err != nil {
		return err
	}
	memory, err := number(r, "memory")
	if err != nil {
		return err
	}
	vcpu := cpu / 1024
	suffix := "X86"
	if platform, _ := r.Inputs["runtimePlatform"].(map[string]any); platform["cpuArchitecture"] == "ARM64" {
		suffix = "ARM"
	}
	storage, _ := r.Inputs["ephemeralStorage"].(map[string]any)
	size, _ := storage["sizeInGib"].(float64)
	// bill counts tasks of so many seconds each.
	bill := func(tasks, seconds float64, spot bool) float64 {
		seconds = math.Max(leastTaskSeconds, seconds)
		hours := tasks * seconds / 3600
		kind := suffix
		if spot {
			kind += "Spot"
		}
		c.use["vcpu"+kind] += vcpu * hours
		c.use["memory"+kind] += memory / 1024 * hours
		if c.publicIP {
			c.use["taskAddress"] += hours
		}
		if size > freeStorageGB {
			c.use["ephemeral"] += (size - freeStorageGB) * hours
		}
		return seconds
	}
	ranges := c.fan != nil && c.fan.rangeBytes > 0
	work := c.work(vcpu, ranges)
	var seconds float64
	if c.fan == nil {
		seconds = bill(1, c.StartSeconds+work, c.spot)
	} else {
		// The task that merges reads no data. One that plans reads all of it, in as many
		// streams as it has processors.
		if ranges {
			seconds += bill(1, c.StartSeconds+c.InputGB*1000/(math.Max(1, math.Floor(vcpu))*c.Stream(c.ReadsAtOnce, c.ReadPartMB)), c.spot)
		}
		seconds += bill(1, c.StartSeconds, c.spot)
		seconds += math.Ceil(c.parts/c.fan.concurrency) * bill(c.parts, c.StartSeconds+work/c.parts, c.fan.part.spot)
	}
	hours := seconds / 3600
	c.seconds += seconds
	c.addPassage()
	// A metric is billed for the hours in which it is written.
	part := math.Ceil(hours) / hoursPerMonth
	c.use["jobMetrics"] += c.JobMetrics * part
	if c.insights {
		c.use["taskInsights"] += familyMetrics * part
	}
	return nil
}

// addPassage counts what a run sends and gets through what is billed by the GB.
func (c *counter) addPassage() {
	tasks := c.tasks()
	gb := (c.LogMB + c.parts*c.PartLogMB + c.CallMB*tasks) / 1000
	if !c.s3Gateway {
		gb += c.InputGB*(1+c.OutputRatio) + c.ImageGB*tasks
	}
	switch {
	case c.use["interfaceEndpoint"] > 0:
		c.use["endpointData"] += gb
	case c.use["nat"] > 0:
		c.use["natData"] += gb
	}
}

// freeStorageGB comes with every task.
const freeStorageGB = 20

func number(r Resource, name string) (float64, error) {
	text := fmt.Sprint(r.Inputs[name])
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n < 1e9) {
		return 0, fmt.Errorf("cost of %s: %s: got %q, want a positive number", r.Name, name, text)
	}
	return n, nil
}

// Text is the estimate for people.
func (e *Estimate) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Cost in US dollars: list prices of %s, region %s\n", e.AsOf, e.Region)
	if e.Note != "" {
		b.WriteString("Note: " + e.Note + "\n")
	}
	note := ""
	table := func(title string, items []Item, total, list float64, places int) {
		fmt.Fprintf(&b, "\n%-50s%*.*f\n", title, 12, places, total)
		for _, i := range items {
			mark := ""
			if !i.Checked {
				mark = " *"
				note = "* price not checked against a second source\n"
			}
			fmt.Fprintf(&b, "  %-48s%*.*f  %.4g x %s%s\n", i.What, 12, places, i.USD, i.Quantity, i.Unit, mark)
		}
		if list > total {
			fmt.Fprintf(&b, "  where others use up what is free of an account: %*.*f\n", 12, places, list)
		}
	}
	table("At rest, a month", e.AtRest, e.AtRestUSD, e.AtRestList, 2)
	table("One run", e.PerRun, e.PerRunUSD, e.PerRunList, 4)
	a := e.Assumptions
	fmt.Fprintf(&b, "\nA month with %g runs: %.2f\n%s\n%s", a.RunsPerMonth, e.MonthUSD, note, e.assumed())
	if len(e.NotPriced) > 0 {
		b.WriteString("\nNot priced, and not counted as free:\n  " + strings.Join(e.NotPriced, "\n  ") + "\n")
	}
	return b.String()
}

// assumed is what the numbers rest on, in words.
func (e *Estimate) assumed() string {
	a := e.Assumptions
	spread := ""
	if e.Tasks > 1 {
		spread = fmt.Sprintf(", spread over %g tasks (%g objects, or as many ranges as it has),\neach with %g MB of log for the job and for its execution", e.Tasks, a.Objects, a.PartLogMB)
	}
	return fmt.Sprintf(`A run takes %.0f s%s: %g GB of input, %g MB of it per vCPU-second (narrow output; wide
output is slower), %g s to start, and is billed for a minute at least. Assumed too: an output %g times
as large; %.3g MB for each read of S3 and %.3g MB, in large results more, for each write, %g of which are
under way at once and answered after %g ms; %g GB in the buckets, %g GB of images, %g MB for each log and
run, Spot at %g%% of the On-Demand price, and %g MB of calls beside log and objects, which is what goes through NAT
gateways and interface endpoints: objects and images take the free gateway of S3. Not counted: taxes, data
out of the region, backups of the table of runs, failed runs.
`, e.RunSeconds, spread, a.InputGB, a.MBPerSecond, a.StartSeconds, a.OutputRatio, a.ReadPartMB, a.WritePartMB, a.WritesAtOnce, a.FirstByteSeconds*1000, a.StoredGB, a.ImageGB, a.LogMB, a.SpotShare*100, a.CallMB)
}
