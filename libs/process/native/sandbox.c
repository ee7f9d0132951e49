// What this process may still do once it reads what strangers send: no other user's files, no program, no other process.
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// The newest system call that this list was made for (Linux 6.1's headers): later ones do not exist here. The x32 calls of
// x86-64, which begin at 0x40000000, are above it as well.
#define NEWEST 450
// linux/tty ioctls that type for a terminal's user.
#define TYPES_INPUT 0x5412
#define LINUX_CONSOLE 0x541C

// Refused with EPERM. Everything that reaches another process, another program, the kernel's own state, or mounts.
static const int REFUSED[] = {
    __NR_execve, __NR_execveat, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_process_madvise, __NR_kcmp, __NR_pidfd_open,
    __NR_pidfd_getfd, __NR_pidfd_send_signal, __NR_tkill, __NR_unshare, __NR_setns, __NR_chroot, __NR_mount, __NR_umount2, __NR_pivot_root,
    __NR_open_tree, __NR_move_mount, __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_fspick, __NR_mount_setattr, __NR_name_to_handle_at,
    __NR_open_by_handle_at, __NR_fanotify_init, __NR_fanotify_mark, __NR_quotactl, __NR_quotactl_fd, __NR_swapon, __NR_swapoff, __NR_reboot,
    __NR_kexec_load, __NR_kexec_file_load, __NR_init_module, __NR_finit_module, __NR_delete_module, __NR_bpf, __NR_perf_event_open,
    __NR_userfaultfd, __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register, __NR_add_key, __NR_request_key, __NR_keyctl,
    __NR_personality, __NR_acct, __NR_syslog, __NR_lookup_dcookie, __NR_vhangup, __NR_sethostname, __NR_setdomainname, __NR_settimeofday,
    __NR_clock_settime, __NR_clock_adjtime, __NR_adjtimex, __NR_nfsservctl, __NR_mknodat, __NR_capset, __NR_setuid, __NR_setgid,
    __NR_setreuid, __NR_setregid, __NR_setresuid, __NR_setresgid, __NR_setfsuid, __NR_setfsgid, __NR_setgroups, __NR_mbind, __NR_migrate_pages,
    __NR_move_pages, __NR_set_mempolicy, __NR_msgget, __NR_semget, __NR_shmget, __NR_mq_open,
#if defined(__x86_64__)
    __NR_fork, __NR_vfork, __NR_mknod, __NR_modify_ldt, __NR_iopl, __NR_ioperm, __NR_uselib, __NR_ustat, __NR_sysfs, __NR__sysctl,
    __NR_create_module, __NR_get_kernel_syms, __NR_query_module,
#endif
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MAX_INSTRUCTIONS (2 * COUNT(REFUSED) + 80)

typedef struct {
  struct sock_filter code[MAX_INSTRUCTIONS];
  unsigned short length;
} Filter;

static void add(Filter *filter, unsigned short code, uint32_t k, unsigned char jt, unsigned char jf) {
  assert(filter->length < MAX_INSTRUCTIONS);
  filter->code[filter->length++] = (struct sock_filter){code, jt, jf, k};
}

#define LOAD(offset) add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset), 0, 0)
#define LOAD_NUMBER() LOAD(offsetof(struct seccomp_data, nr))
// The lower half: what is compared here are ints and flags below 2^32 (both architectures are little-endian).
#define LOAD_ARGUMENT(i) LOAD(offsetof(struct seccomp_data, args) + 8 * (i))
#define RETURN(what) add(filter, BPF_RET | BPF_K, (what), 0, 0)
#define REFUSE(number) RETURN(SECCOMP_RET_ERRNO | (number))
// Jumps over so many instructions where the loaded value is (not) this one.
#define SKIP_UNLESS(value, count) add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (count))
#define SKIP_IF(value, count) add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), (count), 0)

// The first argument of this call must be our own process (or 0, where that means the same).
static void only_ourselves(Filter *filter, int number, uint32_t pid, bool zero_too) {
  SKIP_UNLESS(number, zero_too ? 5 : 4);
  LOAD_ARGUMENT(0);
  if (zero_too) SKIP_IF(0, 2);
  SKIP_IF(pid, 1);
  REFUSE(EPERM);
  RETURN(SECCOMP_RET_ALLOW);
}

static void build(Filter *filter) {
  LOAD(offsetof(struct seccomp_data, arch));
  SKIP_IF(ARCHITECTURE, 1);
  RETURN(SECCOMP_RET_KILL_PROCESS);
  LOAD_NUMBER();
  add(filter, BPF_JMP | BPF_JGT | BPF_K, NEWEST, 0, 1);
  REFUSE(ENOSYS);
  // glibc makes a thread by clone where there is no clone3, whose flags a filter cannot see.
  SKIP_UNLESS(__NR_clone3, 1);
  REFUSE(ENOSYS);
  // A thread, not a process.
  SKIP_UNLESS(__NR_clone, 4);
  LOAD_ARGUMENT(0);
  add(filter, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
  REFUSE(EPERM);
  RETURN(SECCOMP_RET_ALLOW);
  uint32_t pid = (uint32_t)getpid();
  for (size_t i = 0; i < 4; i++) only_ourselves(filter, (int[]){__NR_kill, __NR_tgkill, __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo}[i], pid, false);
  only_ourselves(filter, __NR_prlimit64, pid, true);
  // The network, and the kernel's word on its addresses. Local sockets (of other pipelines, of a container's engine) are not for us.
  SKIP_UNLESS(__NR_socket, 8);
  LOAD_ARGUMENT(0);
  SKIP_IF(AF_INET, 4);
  SKIP_IF(AF_INET6, 3);
  SKIP_UNLESS(AF_NETLINK, 3);
  LOAD_ARGUMENT(2);
  SKIP_UNLESS(0, 1);
  RETURN(SECCOMP_RET_ALLOW);
  REFUSE(EAFNOSUPPORT);
  SKIP_UNLESS(__NR_ioctl, 5);
  LOAD_ARGUMENT(1);
  SKIP_IF(TYPES_INPUT, 2);
  SKIP_IF(LINUX_CONSOLE, 1);
  RETURN(SECCOMP_RET_ALLOW);
  REFUSE(EPERM);
  for (size_t i = 0; i < COUNT(REFUSED); i++) {
    SKIP_UNLESS(REFUSED[i], 1);
    REFUSE(EPERM);
  }
  RETURN(SECCOMP_RET_ALLOW);
}

// The lower of what is asked for and what there is.
static bool limit(int resource, double most) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) return false;
  rlim_t wanted = (rlim_t)most;
  if (now.rlim_max != RLIM_INFINITY && now.rlim_max < wanted) wanted = now.rlim_max;
  return setrlimit(resource, &(struct rlimit){wanted, wanted}) == 0;
}

// glibc changes these for every thread; with them go all capabilities (capabilities(7)).
static bool become(uid_t uid) { return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0; }

static bool filter_calls(void) {
#ifdef ARCHITECTURE
  Filter filter = {.length = 0};
  build(&filter);
  struct sock_fprog program = {filter.length, filter.code};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
#else
  errno = ENOSYS;
  return false;
#endif
}

typedef struct {
  napi_env env;
  napi_value list;
  uint32_t count;
} Failures;

static void require(Failures *failures, bool done, const char *what) {
  if (done) return;
  char text[200];
  int length = snprintf(text, sizeof text, "%s (%s)", what, strerror(errno));
  napi_value string;
  napi_create_string_utf8(failures->env, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1, &string);
  napi_set_element(failures->env, failures->list, failures->count++, string);
}

static double field(napi_env env, napi_value object, const char *name) {
  napi_value value;
  double number = 0;
  if (napi_get_named_property(env, object, name, &value) == napi_ok) napi_get_value_double(env, value, &number);
  return number;
}

// confine({uid, files, fileBytes, dataBytes, tasks}): `uid` 0 keeps the user. Returns what could not be done. Irreversible, for all threads.
static napi_value confine(napi_env env, napi_callback_info info) {
  size_t given = 1;
  napi_value args[1];
  napi_get_cb_info(env, info, &given, args, NULL, NULL);
  Failures failures = {.env = env};
  napi_create_array(env, &failures.list);
  uid_t uid = (uid_t)field(env, args[0], "uid");
  require(&failures, limit(RLIMIT_CORE, 0), "no core dumps");
  require(&failures, limit(RLIMIT_NOFILE, field(env, args[0], "files")), "few open files");
  require(&failures, limit(RLIMIT_FSIZE, field(env, args[0], "fileBytes")), "small files");
  require(&failures, limit(RLIMIT_DATA, field(env, args[0], "dataBytes")), "bounded memory");
  if (uid != 0) {
    require(&failures, limit(RLIMIT_NPROC, field(env, args[0], "tasks")), "few threads");
    require(&failures, become(uid), "a user of its own");
  }
  require(&failures, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
  require(&failures, filter_calls(), "a filter of system calls");
  require(&failures, prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "memory closed to other processes");
  return failures.list;
}

// closeMemory(): no process without privileges reads our memory or environment, of the same user neither. False where that failed.
static napi_value close_memory(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value done;
  napi_get_boolean(env, prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, &done);
  return done;
}

void export_sandbox(napi_env env, napi_value exports) {
  export_function(env, exports, "confine", confine);
  export_function(env, exports, "closeMemory", close_memory);
}
