package contract

import "testing"

func TestPeriod_isAYearAndAMonth(t *testing.T) {
	for _, good := range []string{"2026-11", "2026-01", "1999-12"} {
		if err := CheckPeriod(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "2026-13", "2026-00", "2026-1", "26-11", "2026-11-15", " 2026-11", "2026-11\n", "../2026-11"} {
		if CheckPeriod(bad) == nil {
			t.Errorf("period %q passed", bad)
		}
	}
}

func TestPeriodKey_isAFolderBesideTheNewestResult(t *testing.T) {
	for key, want := range map[string]string{
		"processed/data.csv":     "processed/period=2026-11/data.csv",
		"processed/a/b.csv.gz":   "processed/a/period=2026-11/b.csv.gz",
		"data.parquet":           "period=2026-11/data.parquet",
		"/var/results/today.csv": "/var/results/period=2026-11/today.csv",
	} {
		if got := PeriodKey(key, "2026-11"); got != want {
			t.Errorf("of %s: got %s, want %s", key, got, want)
		}
	}
}
