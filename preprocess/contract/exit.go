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

	// ExitAnotherRound is of merge alone, and beyond those of sysexits.h: parts have
	// to be done again with what all of them have shown.
	ExitAnotherRound = 79
)

// ExitStatus says what one exit status of the job means.
type ExitStatus struct {
	Code    int
	Name    string // as in sysexits.h, or like those
	Meaning string
	Retry   bool // running the same again can succeed

	// Remedy says what a person can do about it: a sentence, "" for ExitOK.
	Remedy string
}

// ExitStatuses lists every exit status, in numerical order.
func ExitStatuses() []ExitStatus {
	return []ExitStatus{
		{ExitOK, "EX_OK", "the result is published", false, ""},
		{ExitUsage, "EX_USAGE", "the command line is wrong", false,
			"Compare the command with what preprocess run --help says; deploying the stack again restores the task's own."},
		{ExitData, "EX_DATAERR", "the input data, the model or the script was refused", false,
			"The log names the row, the column or the step: replace the data, the model or the script, then start again."},
		{ExitNoInput, "EX_NOINPUT", "an input object does not exist", false,
			"Upload the object that the log names, or correct the key, then start again."},
		{ExitUnavailable, "EX_UNAVAILABLE", "a service did not answer after several tries", true,
			"Start again later; if it stays, look at the status of AWS and at the network of the task."},
		{ExitSoftware, "EX_SOFTWARE", "a fault in this program", false,
			"Report it with the log, and go back to the image that worked last."},
		{ExitIO, "EX_IOERR", "reading or writing failed", true,
			"Start again; if it stays, look at the space left on the disk and at the bucket that the log names."},
		{ExitTempFail, "EX_TEMPFAIL", "interrupted by a signal or a Spot reclaim; try again", true,
			"Start again: nothing is wrong with the data or the model."},
		{ExitNoPerm, "EX_NOPERM", "permission denied", false,
			"Compare the object that the log names with the policies of the role, the bucket and the encryption key."},
		{ExitConfig, "EX_CONFIG", "a setting is missing or malformed", false,
			"Correct the settings that the log names in the configuration of the stack, and deploy it."},
		{ExitAnotherRound, "EX_ROUND", "some parts have to be done again, in another round", false,
			"Do the items of the next round and merge again, as the pipeline does by itself."},
	}
}
