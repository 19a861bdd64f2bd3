#pragma once

// Signals that ask a program to stop or to save, noted by handlers for the program to answer when it can.
//
// In C, because handlers have to be there before Swift and its libraries start: a signal must not kill a program that
// is still being loaded.

/// What has been asked for.
enum {
  dga_request_none = 0,
  /// Write a checkpoint and go on.
  dga_request_checkpoint = 1,
  /// Write a checkpoint and leave.
  dga_request_stop = 2,
};

/// Installs handlers for USR1, USR2, TERM, HUP and INT that note what has been asked for. A second INT kills.
void dga_signals_note(void);

/// Gives the signals their usual effect again, which those noted so far have at once.
void dga_signals_restore(void);

/// What has been asked for, and the number of the signal that asked last, or 0.
int dga_signals_request(void);
int dga_signals_last(void);

/// Forgets a request for a checkpoint that has been met.
void dga_signals_acknowledge(void);

/// Kills the launcher that started this process if it is still there after some seconds: `mpirun` and its daemons wait
/// for a host that is lost, and for the processes on it, for ever.
void dga_end_launcher(int seconds);

/// Lets `dga_stack_write` interrupt the calling thread; call it once, before other threads need it.
void dga_stack_prepare(void);

/// Writes the stack of the thread that called `dga_stack_prepare` to a file descriptor, from another thread, in a
/// process that is about to exit with 76; returns 0 if that thread does not answer within a second.
int dga_stack_write(int descriptor);
