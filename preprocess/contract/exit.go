package contract

// Exit statuses of the job, after sysexits.h. The pipeline decides by them
// whether running again can help.
const (
	ExitOK          = 0
	ExitUsage       = 64
	ExitData        = 65
	ExitNoInput     = 66
	ExitUnavailable = 69
	ExitSoftware    = 70
	ExitIO          = 74
	ExitTempFail    = 75
	ExitNoPerm      = 77
	ExitConfig      = 78
)

// ExitStatus says what one exit status of the job means.
type ExitStatus struct {
	Code    int
	Name    string // as in sysexits.h
	Meaning string
	Retry   bool // running the same again can succeed
}

// ExitStatuses lists every exit status, in numerical order.
func ExitStatuses() []ExitStatus {
	return []ExitStatus{
		{ExitOK, "EX_OK", "the result is published", false},
		{ExitUsage, "EX_USAGE", "the command line is wrong", false},
		{ExitData, "EX_DATAERR", "the input data or the model was refused", false},
		{ExitNoInput, "EX_NOINPUT", "an input object does not exist", false},
		{ExitUnavailable, "EX_UNAVAILABLE", "a service did not answer after several tries", true},
		{ExitSoftware, "EX_SOFTWARE", "a fault in this program", false},
		{ExitIO, "EX_IOERR", "reading or writing failed", true},
		{ExitTempFail, "EX_TEMPFAIL", "interrupted by a signal or a Spot reclaim; try again", true},
		{ExitNoPerm, "EX_NOPERM", "permission denied", false},
		{ExitConfig, "EX_CONFIG", "a setting is missing or malformed", false},
	}
}
