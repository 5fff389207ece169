// Package cost estimates what planned resources cost in a month, at rest and
// for each run, from a dated table of list prices.
package cost

import (
	_ "embed" // the table of prices
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const hoursPerMonth = 730

//go:embed prices.json
var priceTable []byte

type price struct {
	USD    float64 `json:"usd"`
	Unit   string  `json:"unit"`
	Free   float64 `json:"free"` // how many of an account cost nothing
	Source string  `json:"source"`
}

// Resource is a planned resource: its type in Pulumi and its resolved inputs,
// as JSON values.
type Resource struct {
	Type, Name string
	Inputs     map[string]any
}

// Assumptions are what a plan cannot tell.
type Assumptions struct {
	InputGB      float64 `json:"inputGB"`      // size of one input
	MBPerSecond  float64 `json:"mbPerSecond"`  // what one vCPU processes
	StartSeconds float64 `json:"startSeconds"` // pulling the image and starting, billed too
	StoredGB     float64 `json:"storedGB"`     // in all buckets together, versions included
	ImageGB      float64 `json:"imageGB"`      // of all images in a repository together
	LogMB        float64 `json:"logMB"`        // that one run adds to each log group
}

// Defaults are the assumptions that nobody changed.
func Defaults() Assumptions {
	return Assumptions{InputGB: 1, MBPerSecond: 120, StartSeconds: 30, StoredGB: 5, ImageGB: 0.2, LogMB: 1}
}

// Check reports every assumption that cannot be.
func (a Assumptions) Check() error {
	var wrong []string
	for _, v := range []struct {
		name  string
		value float64
		least float64
	}{
		{"inputGB", a.InputGB, 0}, {"mbPerSecond", a.MBPerSecond, 0.001}, {"startSeconds", a.StartSeconds, 0},
		{"storedGB", a.StoredGB, 0}, {"imageGB", a.ImageGB, 0}, {"logMB", a.LogMB, 0},
	} {
		if !(v.value >= v.least && v.value <= 1e9) {
			wrong = append(wrong, fmt.Sprintf("%s: got %v, want %v to 1e9", v.name, v.value, v.least))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// Item is one line of an estimate, in US dollars. USD leaves out what is free
// for an account that runs nothing else; ListUSD does not.
type Item struct {
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	USD      float64 `json:"usd"`
	ListUSD  float64 `json:"listUSD"`
	Source   string  `json:"source"`
}

// Estimate is what a plan costs: a month without runs, and one run.
type Estimate struct {
	AsOf        string      `json:"asOf"`
	Region      string      `json:"region"`
	Note        string      `json:"note,omitempty"`
	AtRestUSD   float64     `json:"atRestUSD"`
	AtRestList  float64     `json:"atRestListUSD"`
	PerRunUSD   float64     `json:"perRunUSD"`
	RunSeconds  float64     `json:"runSeconds"`
	AtRest      []Item      `json:"atRest"`
	PerRun      []Item      `json:"perRun"`
	NotPriced   []string    `json:"notPriced"`
	Assumptions Assumptions `json:"assumptions"`
}

// free are the types that cost nothing themselves.
var free = []string{
	"aws:s3/", "aws:iam/", "aws:budgets/budget:Budget", "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget",
	"aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable", "aws:ec2/route:Route",
	"aws:ec2/routeTableAssociation:RouteTableAssociation", "aws:ec2/internetGateway:InternetGateway",
	"aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
	"aws:ecr/lifecyclePolicy:LifecyclePolicy", "aws:ecr/repositoryPolicy:RepositoryPolicy",
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders", "aws:kms/alias:Alias", "aws:kms/keyPolicy:KeyPolicy",
	"aws:sns/topicPolicy:TopicPolicy", "aws:sqs/queuePolicy:QueuePolicy", "docker-build:",
}

// Of estimates what resources cost in a region. A type that is neither priced
// nor known to be free is listed in NotPriced.
func Of(region string, resources []Resource, a Assumptions) (*Estimate, error) {
	if err := a.Check(); err != nil {
		return nil, fmt.Errorf("assumptions of the cost estimate:\n%w", err)
	}
	var table struct {
		AsOf, Region string
		Prices       map[string]price
	}
	if err := json.Unmarshal(priceTable, &table); err != nil {
		return nil, fmt.Errorf("read the table of prices: %w", err)
	}
	e := &Estimate{AsOf: table.AsOf, Region: region, AtRest: []Item{}, PerRun: []Item{}, NotPriced: []string{}, Assumptions: a}
	if region != table.Region {
		e.Note = fmt.Sprintf("prices of %s are not in the table; those of %s are used", region, table.Region)
	}
	line := func(what string, quantity, times float64, name string) Item {
		p := table.Prices[name]
		return Item{
			What: what, Quantity: quantity * times, Unit: p.Unit, Source: p.Source,
			USD: math.Max(0, quantity-p.Free) * times * p.USD, ListUSD: quantity * times * p.USD,
		}
	}
	rest := map[string]float64{}
	unknown := map[string]int{}
	for _, r := range resources {
		switch r.Type {
		case "aws:ec2/natGateway:NatGateway":
			rest["nat"]++
		case "aws:ec2/eip:Eip":
			rest["publicIPv4"]++
		case "aws:ec2/vpcEndpoint:VpcEndpoint":
			if kind, _ := r.Inputs["vpcEndpointType"].(string); kind == "Interface" {
				zones, _ := r.Inputs["subnetIds"].([]any)
				rest["interfaceEndpoint"] += math.Max(1, float64(len(zones)))
			} else if kind != "" && kind != "Gateway" {
				unknown[r.Type+" ("+kind+")"]++
			}
		case "aws:ssm/parameter:Parameter":
			if tier, _ := r.Inputs["tier"].(string); tier != "" && tier != "Standard" {
				unknown[r.Type+" ("+tier+")"]++
			}
		case "aws:ecs/cluster:Cluster":
			if insights(r.Inputs) {
				unknown["metrics of Container Insights of "+r.Name]++
			}
		case "aws:kms/key:Key":
			rest["kmsKey"]++
		case "aws:cloudwatch/metricAlarm:MetricAlarm":
			rest["alarm"] += alarmMetrics(r.Inputs)
		case "aws:cloudwatch/dashboard:Dashboard":
			rest["dashboard"]++
		case "aws:s3/bucketV2:BucketV2", "aws:s3/bucket:Bucket":
			rest["s3Storage"] = a.StoredGB
		case "aws:ecr/repository:Repository":
			rest["ecrStorage"] += a.ImageGB
		case "aws:cloudwatch/logGroup:LogGroup":
			e.PerRun = append(e.PerRun, line("log "+r.Name, a.LogMB/1000, 1, "logsIngest"))
		case "aws:ecs/taskDefinition:TaskDefinition":
			if err := e.addTask(r, a, line); err != nil {
				return nil, err
			}
		default:
			if strings.HasPrefix(r.Type, "aws:") || strings.HasPrefix(r.Type, "docker-build:") {
				if !slices.ContainsFunc(free, func(p string) bool {
					return r.Type == p || strings.HasSuffix(p, "/") && strings.HasPrefix(r.Type, p) || strings.HasSuffix(p, ":") && strings.HasPrefix(r.Type, p)
				}) {
					unknown[r.Type]++
				}
			}
		}
	}
	for _, kind := range []struct {
		name, what string
		times      float64
	}{
		{"nat", "NAT gateways", hoursPerMonth}, {"publicIPv4", "public addresses", hoursPerMonth},
		{"interfaceEndpoint", "interface endpoints", hoursPerMonth}, {"kmsKey", "keys", 1}, {"alarm", "alarms", 1},
		{"dashboard", "dashboards", 1}, {"s3Storage", "objects kept", 1}, {"ecrStorage", "images kept", 1},
	} {
		if n := rest[kind.name]; n > 0 {
			e.AtRest = append(e.AtRest, line(kind.what, n, kind.times, kind.name))
		}
	}
	for name, n := range unknown {
		e.NotPriced = append(e.NotPriced, fmt.Sprintf("%s (%d)", name, n))
	}
	slices.Sort(e.NotPriced)
	for _, i := range e.AtRest {
		e.AtRestUSD += i.USD
		e.AtRestList += i.ListUSD
	}
	for _, i := range e.PerRun {
		e.PerRunUSD += i.USD
	}
	return e, nil
}

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

// addTask adds one run of a Fargate task at the On-Demand price.
func (e *Estimate) addTask(r Resource, a Assumptions, line func(string, float64, float64, string) Item) error {
	cpu, err := number(r, "cpu")
	if err != nil {
		return err
	}
	memory, err := number(r, "memory")
	if err != nil {
		return err
	}
	vcpu := cpu / 1024
	seconds := math.Max(60, a.StartSeconds+a.InputGB*1000/(a.MBPerSecond*vcpu))
	hours := seconds / 3600
	suffix := "X86"
	platform, _ := r.Inputs["runtimePlatform"].(map[string]any)
	if platform["cpuArchitecture"] == "ARM64" {
		suffix = "ARM"
	}
	e.RunSeconds += seconds
	e.PerRun = append(e.PerRun,
		line("CPU of "+r.Name+", On-Demand", vcpu, hours, "vcpu"+suffix),
		line("memory of "+r.Name+", On-Demand", memory/1024, hours, "memory"+suffix),
		line("public address of "+r.Name+", unless its subnet is private", 1, hours, "publicIPv4"),
	)
	storage, _ := r.Inputs["ephemeralStorage"].(map[string]any)
	if size, ok := storage["sizeInGib"].(float64); ok {
		e.PerRun = append(e.PerRun, line("scratch space of "+r.Name, size, hours, "ephemeral"))
	}
	return nil
}

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
	table := func(title string, items []Item, total float64, places int) {
		fmt.Fprintf(&b, "\n%s%*.*f\n", title, 60-len(title), places, total)
		for _, i := range items {
			fmt.Fprintf(&b, "  %-45s%*.*f  %.4g x %s\n", i.What, 13, places, i.USD, i.Quantity, i.Unit)
		}
	}
	table("At rest, a month", e.AtRest, e.AtRestUSD, 2)
	if e.AtRestList > e.AtRestUSD {
		fmt.Fprintf(&b, "  where other stacks use up what is free of an account: %.2f\n", e.AtRestList)
	}
	table("One run", e.PerRun, e.PerRunUSD, 4)
	a := e.Assumptions
	fmt.Fprintf(&b, "\nA run takes %.0f s: %g GB of input, %g MB/s per vCPU, %g s to start.\nAssumed too: %g GB in the buckets, %g GB of images, %g MB for each log and run.\n",
		e.RunSeconds, a.InputGB, a.MBPerSecond, a.StartSeconds, a.StoredGB, a.ImageGB, a.LogMB)
	if len(e.NotPriced) > 0 {
		b.WriteString("\nNot priced, and not counted as free:\n  " + strings.Join(e.NotPriced, "\n  ") + "\n")
	}
	return b.String()
}
