package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/internal/simcloud"
	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

// factor is a key of the configuration, or keys that only make sense together,
// with the values to try. In a value, {region}, {partition} and {suffix} stand for
// those of the combination.
type factor struct {
	keys   []string
	levels [][]string
}

// of makes a factor of one key.
func of(key string, values ...string) factor {
	f := factor{keys: []string{key}}
	for _, v := range values {
		f.levels = append(f.levels, []string{v})
	}
	return f
}

const (
	anAccount   = "111111111111"
	aVPC        = "vpc-0123456789abcdef0"
	twoSubnets  = "subnet-0123456789abcdef0,subnet-0123456789abcdef1"
	hushAddress = "hush@example.com"
	hushHook    = "https://example.com/hush?x='y'"
)

// factors are what a plan depends on. Extremes are among them: the longest that
// is accepted, and characters that mean something to JSON, to S3, to patterns of
// events or to the language of state machines.
func factors() []factor {
	longest := strings.Repeat("ü", 500) + ".csv"
	odd := `a"b'c\\d{}/$.x,y &+=?.csv`
	return []factor{
		of("aws:region", "us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"),
		of("environment", "dev", "prod", "a-name-of-20-letters"),
		of("resourceSuffix", "", "-b", "blue"),
		of("parameterPrefix", "", "/"+strings.Repeat("a/", 13), "/"+strings.Repeat("a", 898)+"/"),
		of("inputKey", "raw/monthly_data.csv", "raw/", "raw/2026-*.csv.gz", "data.csv", longest, odd),
		of("modelKey", "models/m.pkl", strings.Repeat("m", 1024), odd),
		{[]string{"scriptKey", "packageKey", "scriptStage"}, [][]string{{"", "", ""}, {"scripts/a.py", "", ""}, {strings.Repeat("s", 1024), odd, "after"}}},
		{[]string{"inputFormat", "inputDelimiter"}, [][]string{{"", ""}, {"csv", ";"}, {"parquet", ""}}},
		of("outputFormat", "", "parquet"),
		of("keepColumns", "", `"a,b",c`),
		of("maxRejects", "", "0.5%"),
		{[]string{"taskCpu", "taskMemoryMiB"}, [][]string{{"2048", "4096"}, {"256", "512"}, {"16384", "122880"}}},
		of("taskStorageGiB", "20", "200"),
		of("architecture", "amd64", "arm64"),
		of("imageUri", "", anAccount+".dkr.ecr.{region}.{suffix}/x/y@sha256:"+strings.Repeat("0", 64), "333333333333.dkr.ecr.{region}.{suffix}/z@sha256:"+strings.Repeat("1", 64)),
		of("image", "auto", "python"),
		of("keepImages", "1", "1000"),
		of("taskTimeoutMinutes", "1", "10080"),
		{[]string{"taskAttempts", "useSpot"}, [][]string{{"1", "false"}, {"2", "true"}, {"10", "true"}}},
		{[]string{"scaleOut", "scaleOutInventoryKey"}, [][]string{{"off", ""}, {"prefix", ""}, {"inventory", odd}, {"object", ""}}},
		{[]string{"scaleOutVcpus", "scaleOutConcurrency"}, [][]string{{"16", "0"}, {"1000", "0"}, {"16", "7"}}},
		of("scaleOutToleratedPercent", "0", "100"),
		of("scaleOutSpot", "false", "true"),
		{[]string{"scaleOutHours", "outputAbortUploadDays"}, [][]string{{"24", "7"}, {"336", "15"}}},
		{[]string{"scheduleExpression", "scheduleTimezone"}, [][]string{{"cron(0 9 15 * ? *)", ""}, {"rate(1 minute)", ""}, {"cron(0/15 12 ? * MON-FRI 2026-2030)", "Europe/Berlin"}}},
		of("scheduleEnabled", "true", "false"),
		of("startOnArrival", "false", "true"),
		of("notificationEmail", "", hushAddress),
		of("notificationSubscriptions", "", hushHook+", sqs:arn:{partition}:sqs:{region}:"+anAccount+":q, sms:+4915112345678, email:second."+hushAddress),
		of("notifySuccess", "false", "true"),
		{[]string{"alarms", "dashboard"}, [][]string{{"true", "true"}, {"true", "false"}, {"false", "false"}}},
		{[]string{"report", "alarmDriftedColumns"}, [][]string{{"", "0"}, {"", "3"}, {"false", "0"}}},
		of("alarmRejectedPercent", "0", "100"),
		of("monthlyBudgetUSD", "0", "100"),
		of("logRetentionDays", "1", "3653"),
		of("containerInsights", "false", "true"),
		{[]string{"inputTransitionDays", "inputTransitionClass", "inputExpireDays"}, [][]string{{"0", "", "0"}, {"30", "STANDARD_IA", "31"}, {"1", "GLACIER_IR", "0"}}},
		of("outputKeepVersionsDays", "0", "3650"),
		of("accessLogDays", "0", "400"),
		of("auditTrailDays", "0", "400"),
		{[]string{"protectData", "forceDestroyData"}, [][]string{{"false", "false"}, {"true", "false"}, {"false", "true"}}},
		{[]string{"networkMode", "vpcId", "subnetIds", "assignPublicIp"}, [][]string{{"public", "", "", "false"}, {"private", "", "", "false"}, {"endpoints", "", "", "false"}, {"existing", aVPC, twoSubnets, "true"}}},
		of("networkCidr", "10.0.0.0/24", "10.0.0.0/16", "192.168.1.0/26"), // the first is the default, which says nothing beside existing
		of("egressPerZone", "false", "true"),
		of("flowLogs", "false", "true"),
		{[]string{"encryption", "kmsKeyArn"}, [][]string{{"sse-s3", ""}, {"customer-key", ""}, {"customer-key", "arn:{partition}:kms:{region}:" + anAccount + ":key/12345678-1234-1234-1234-123456789012"}}},
		of("permissionsBoundaryArn", "", "arn:{partition}:iam::"+anAccount+":policy/b"),
	}
}

// combination is a level of each factor.
type combination []int

// value is what a combination has for a key.
func (c combination) value(all []factor, key string) string {
	for i, f := range all {
		if k := slices.Index(f.keys, key); k >= 0 {
			return f.levels[c[i]][k]
		}
	}
	panic("there is no factor with key " + key)
}

// legitimate reports whether the levels of a combination go together. These are
// the rules that the documentation of the keys has.
func (c combination) legitimate(all []factor) bool {
	value := func(key string) string { return c.value(all, key) }
	spread, network, region := value("scaleOut"), value("networkMode"), value("aws:region")
	offered := len("ds-artifacts-"+value("environment")+"-"+anAccount+"-"+region+value("resourceSuffix")) <= 63
	own := network != "existing" || value("flowLogs") == "false" && value("egressPerZone") == "false" && value("networkCidr") == "10.0.0.0/24"
	alarms := value("alarms") == "true" || value("alarmRejectedPercent") == "0" && value("alarmDriftedColumns") == "0"
	budget := value("monthlyBudgetUSD") == "0" || value("alarms") == "true" && !strings.HasPrefix(region, "us-gov-") && !strings.HasPrefix(region, "cn-")
	if !offered || !own || network == "public" && value("egressPerZone") == "true" || !budget || !alarms {
		return false
	}
	if spread == "off" {
		return true
	}
	small := value("networkCidr") == "192.168.1.0/26" && network != "existing"
	crowded := value("networkCidr") == "10.0.0.0/24" && network != "existing" && value("scaleOutVcpus") == "1000" && value("taskCpu") != "16384"
	share := value("scaleOutConcurrency") == "0" || value("taskCpu") != "16384" // 7 tasks of 2 vCPUs are not more than 16
	room := value("taskCpu") != "16384" && (value("scaleOutVcpus") != "1000" || value("taskCpu") != "256") || value("scaleOutConcurrency") != "0"
	cut := spread != "object" || value("inputFormat") != "parquet" && value("outputFormat") != "parquet" && value("scaleOutToleratedPercent") == "0"
	again := value("scaleOutSpot") == "false" || value("taskAttempts") != "1"
	return value("scriptKey") == "" && cut && again && share && !crowded && (!small || value("scaleOutConcurrency") == "7") && (room || value("scaleOutVcpus") == "1000")
}

// settings are a combination as configuration.
func (c combination) settings(all []factor) map[string]string {
	region := c.value(all, "aws:region")
	partition, suffix := "aws", "amazonaws.com"
	switch {
	case strings.HasPrefix(region, "cn-"):
		partition, suffix = "aws-cn", "amazonaws.com.cn"
	case strings.HasPrefix(region, "us-gov-"):
		partition = "aws-us-gov"
	}
	fill := strings.NewReplacer("{region}", region, "{partition}", partition, "{suffix}", suffix)
	set := map[string]string{"ds-pipeline:accountId": anAccount}
	for i, f := range all {
		for k, key := range f.keys {
			if !strings.Contains(key, ":") {
				key = "ds-pipeline:" + key
			}
			set[key] = fill.Replace(f.levels[c[i]][k])
		}
	}
	return set
}

// pair is a level of one factor with a level of a later one.
type pair struct{ a, levelOfA, b, levelOfB int }

// combinations are few in which every pair of levels of two factors occurs at least
// once, but for pairs that never go together, which are returned, too. They are the
// same each time.
func combinations(all []factor) (rows []combination, never []pair) {
	random := rand.New(rand.NewPCG(7, 11))
	missing := map[pair]bool{}
	var order []pair
	for a := range all {
		for b := a + 1; b < len(all); b++ {
			for i := range all[a].levels {
				for j := range all[b].levels {
					order = append(order, pair{a, i, b, j})
					missing[pair{a, i, b, j}] = true
				}
			}
		}
	}
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	covered := func(row combination) []pair {
		var found []pair
		for a := range row {
			for b := a + 1; b < len(row); b++ {
				if p := (pair{a, row[a], b, row[b]}); missing[p] {
					found = append(found, p)
				}
			}
		}
		return found
	}
	for _, p := range order {
		if !missing[p] {
			continue
		}
		var best combination
		var most []pair
		for try, found := 0, 0; try < 4000 && found < 40; try++ {
			row := make(combination, len(all))
			for i, f := range all {
				row[i] = random.IntN(len(f.levels))
			}
			row[p.a], row[p.b] = p.levelOfA, p.levelOfB
			if !row.legitimate(all) {
				continue
			}
			found++
			if news := covered(row); len(news) > len(most) {
				best, most = row, news
			}
		}
		if best == nil {
			never = append(never, p)
			delete(missing, p)
			continue
		}
		rows = append(rows, best)
		for _, p := range most {
			delete(missing, p)
		}
	}
	return rows, never
}

// TestCombinations_keepTheRules plans pairs of everything that a stack may choose.
func TestCombinations_keepTheRules(t *testing.T) {
	t.Parallel()
	all := factors()
	rows, never := combinations(all)
	t.Logf("%d combinations, %d pairs that never go together", len(rows), len(never))
	for _, p := range never {
		alone := make(combination, len(all)) // else the first levels, which are the defaults or near them
		alone[p.a], alone[p.b] = p.levelOfA, p.levelOfB
		simtest.File(t, stack.Deploy, root, "dev", alone.settings(all)).UpFails("configuration of stack")
	}
	for i, row := range rows {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			set := row.settings(all)
			deployed := planCombination(t, set)
			checkPlan(t, set, deployed)
			if t.Failed() {
				t.Logf("the combination: %q", set)
			}
		})
	}
}

// planCombination deploys a combination and expects that nothing is left to do. Who is told is a secret.
func planCombination(t *testing.T, set map[string]string) *simstack.Result {
	t.Helper()
	s := simtest.File(t, stack.Deploy, root, "dev", set)
	for _, key := range []string{"ds-pipeline:notificationEmail", "ds-pipeline:notificationSubscriptions"} {
		s.SetSecret(key, set[key])
	}
	others := simcloud.Others{Subnets: map[string]string{}}
	for id := range strings.SplitSeq(twoSubnets, ",") {
		others.Subnets[id] = aVPC
	}
	if arn := set["ds-pipeline:kmsKeyArn"]; arn != "" {
		others.Keys = []string{arn}
	}
	s.Cloud.Know(others)
	deployed := s.Up()
	for _, d := range deployed.Diagnostics {
		t.Errorf("%s: %s", d.URN.Name(), d.Message)
	}
	if again := s.Preview(); len(again.Changes()) > 0 {
		t.Errorf("a second preview changes %v:\n%s", again.Changes(), simtest.Steps(again))
	}
	return deployed
}
