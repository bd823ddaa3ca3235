package bench

import (
	"errors"
	"fmt"

	"github.com/troupemq/troupe/bench/internal/process"
)

// used is what the broker has used so far, nothing if its process is not known.
func (r *run) used() (process.Usage, error) {
	if r.target.PID == 0 {
		return process.Usage{}, nil
	}
	u, err := process.Used(r.target.PID)
	if err != nil {
		return u, fmt.Errorf("what the broker uses: %w", err)
	}
	return u, nil
}

// account notes what the broker has used since before, for count messages or connects.
func (r *run) account(before process.Usage, count int64) error {
	if r.target.PID == 0 {
		return nil
	}
	now, err := r.used()
	if err != nil {
		return err
	}
	u := now.Since(before)
	r.result.Usage = &Usage{CPU: u.CPU, Voluntary: u.Voluntary, Involuntary: u.Involuntary}
	if count > 0 {
		r.result.Usage.CPUPerMillion = u.CPU.Seconds() / float64(count) * 1e6
	}
	return nil
}

// replaying notes what the broker uses while messages come that it has kept; fetch tells how many.
func (r *run) replaying(fetch func() (int64, error)) error {
	r.resetPeak()
	before, err := r.used()
	if err != nil {
		return err
	}
	received, err := fetch()
	err = errors.Join(err, r.account(before, received))
	r.notePeak()
	return err
}

// resetPeak begins to look for the most memory that the broker has.
func (r *run) resetPeak() {
	if r.target.PID > 0 {
		r.sampled = process.ResetPeak(r.target.PID) != nil
		r.samplePeak()
	}
}

// samplePeak looks at the memory where the kernel does not keep the peak for us.
func (r *run) samplePeak() {
	if r.sampled {
		if n, err := process.Resident(r.target.PID); err == nil {
			r.peak = max(r.peak, n)
		}
	}
}

// notePeak puts the peak into the result.
func (r *run) notePeak() {
	if r.result.Usage == nil {
		return
	}
	if !r.sampled {
		if n, err := process.Peak(r.target.PID); err == nil {
			r.peak = n
		}
	}
	r.result.Usage.PeakResident = r.peak
}
