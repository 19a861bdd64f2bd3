#define _GNU_SOURCE
#include "CSignals.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const int noted[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP, SIGINT};
enum { noted_count = sizeof noted / sizeof *noted };

static atomic_int request;
static atomic_int last;

static void set_action(int signal, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, NULL);
}

static void note(int signal) {
  int error = errno;
  atomic_store(&last, signal);
  if (signal == SIGUSR2) {
    int expected = dga_request_none;
    atomic_compare_exchange_strong(&request, &expected, dga_request_checkpoint);
  } else {
    atomic_store(&request, dga_request_stop);
  }
  if (signal == SIGINT) {
    static const char text[] = "\nStopping as soon as everything is saved; interrupt again to leave at once.\n";
    if (isatty(STDERR_FILENO) && write(STDERR_FILENO, text, sizeof text - 1) < 0) {}
    set_action(SIGINT, SIG_DFL);
  }
  errno = error;
}

void dga_signals_note(void) {
  for (int i = 0; i < noted_count; i++) {
    // Whoever starts a program with a signal ignored, as nohup does with HUP, does not want it to be heard.
    struct sigaction action;
    if (sigaction(noted[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    set_action(noted[i], note);
  }
}

void dga_signals_restore(void) {
  for (int i = 0; i < noted_count; i++) {
    struct sigaction action;
    if (sigaction(noted[i], NULL, &action) == 0 && action.sa_handler == note) set_action(noted[i], SIG_DFL);
  }
  int signal = atomic_load(&last);
  if (signal != 0 && atomic_load(&request) != dga_request_none) raise(signal);
}

int dga_signals_request(void) { return atomic_load_explicit(&request, memory_order_relaxed); }

int dga_signals_last(void) { return atomic_load_explicit(&last, memory_order_relaxed); }

void dga_signals_acknowledge(void) {
  int expected = dga_request_checkpoint;
  atomic_compare_exchange_strong(&request, &expected, dga_request_none);
}

// The dynamic linker calls this before the constructors of any library. Test programs, which link the same code, keep
// the usual effect of signals: their name is another.
static void note_early(int count, char **arguments, char **environment) {
  (void)environment;
  if (count < 1 || arguments[0] == NULL) return;
  const char *slash = strrchr(arguments[0], '/');
  if (strcmp(slash == NULL ? arguments[0] : slash + 1, "dga") == 0) dga_signals_note();
}

__attribute__((section(".preinit_array"), used)) static void (*early)(int, char **, char **) = note_early;

// MARK: The launcher

void dga_end_launcher(int seconds) {
  pid_t launcher = getppid();
  char path[64], name[32] = "";
  snprintf(path, sizeof path, "/proc/%d/comm", (int)launcher);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t length = read(file, name, sizeof name - 1);
  close(file);
  if (length <= 0) return;
  name[strcspn(name, "\n")] = 0;
  if (strcmp(name, "mpirun") != 0 && strcmp(name, "orterun") != 0 && strcmp(name, "orted") != 0) return;
  if (fork() != 0) return;
  // Out of the group that the launcher kills, and without its pipes, which it reads to their end.
  setsid();
  for (int descriptor = 0; descriptor < 1024; descriptor++) close(descriptor);
  for (int wait = 0; wait < 20 * seconds; wait++) {
    if (kill(launcher, 0) != 0) _exit(0);
    usleep(50000);
  }
  kill(launcher, SIGKILL);
  _exit(0);
}

// MARK: The stack of the main thread

static pthread_t stack_thread;
static atomic_int stack_descriptor = -1;
static int stack_signal;

static void write_stack(int signal) {
  (void)signal;
  int error = errno;
  int descriptor = atomic_load(&stack_descriptor);
  if (descriptor >= 0) {
    void *frames[64];
    backtrace_symbols_fd(frames, backtrace(frames, 64), descriptor);
    atomic_store(&stack_descriptor, -1);
  }
  errno = error;
}

void dga_stack_prepare(void) {
  // The first backtrace loads a library, which a handler must not.
  void *frames[1];
  backtrace(frames, 1);
  stack_thread = pthread_self();
  stack_signal = SIGRTMIN + 5;
  set_action(stack_signal, write_stack);
}

// The process is about to end with this code; a stack that cannot be walked changes nothing of that.
static void leave(int signal) {
  (void)signal;
  _exit(76);
}

int dga_stack_write(int descriptor) {
  if (stack_signal == 0) return 0;
  set_action(SIGSEGV, leave);
  set_action(SIGBUS, leave);
  atomic_store(&stack_descriptor, descriptor);
  if (pthread_kill(stack_thread, stack_signal) != 0) return 0;
  for (int wait = 0; wait < 100; wait++) {
    if (atomic_load(&stack_descriptor) == -1) return 1;
    struct timespec time = {0, 10000000};
    nanosleep(&time, NULL);
  }
  atomic_store(&stack_descriptor, -1);
  return 0;
}
