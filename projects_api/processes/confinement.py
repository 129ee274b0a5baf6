"""What a process that reads a stranger's model may still do: read libraries, and use a folder.

The kernel holds it to that: Landlock bounds files (Linux 5.13, and to write, truncate and connect
more with later ones), seccomp the calls that reach the network, other programs and other processes.
Where the kernel has one of them not, the other one holds; `missing` says so to operators.
"""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

import landlockpy
import seccompy
from landlockpy import AccessFS, Ruleset
from seccompy import Action, Filter

PACKAGE = Path(__file__).parents[1]
SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/sys/devices/system/cpu")
DEVICES = ("/dev/null", "/dev/urandom", "/dev/zero")
READ = AccessFS.READ_FILE | AccessFS.READ_DIR
# What a model needs none of: other hosts, other programs, other processes, and new ways to call.
DENIED = (
    *(
        "socket",
        "socketpair",
        "connect",
        "bind",
        "listen",
        "accept",
        "accept4",
        "sendto",
        "sendmsg",
    ),
    *("execve", "execveat", "kill", "tkill", "rt_sigqueueinfo", "pidfd_open", "pidfd_getfd"),
    *("pidfd_send_signal", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise"),
    *("io_uring_setup", "io_uring_enter", "bpf", "perf_event_open", "userfaultfd", "keyctl"),
    *("add_key", "request_key", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot"),
    *("open_by_handle_at", "name_to_handle_at", "init_module", "finit_module", "kexec_load"),
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "setxattr"),
)
PERMITTED_NOT = 1  # EPERM


def confine(folder: Path) -> None:
    """Confine this process, which has one thread, to reading libraries and to its folder."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    os.chdir(folder)
    if landlockpy.supported():
        with Ruleset() as rules:
            for path in _libraries():
                rules.allow_path(path, READ if Path(path).is_dir() else AccessFS.READ_FILE)
            for path in filter(os.path.exists, DEVICES):
                rules.allow_path(path, AccessFS.READ_FILE | AccessFS.WRITE_FILE)
            rules.allow_path(str(folder), _all_of_files())
            rules.restrict()
    if seccompy.supported():
        rules_of_calls = Filter(default=Action.ALLOW)
        for call in DENIED:
            if _is_known(call):
                rules_of_calls.errno(call, PERMITTED_NOT)
        rules_of_calls.load()


def missing() -> list[str]:
    """Name what this kernel lacks of it."""
    lacks = {"Landlock": landlockpy.supported(), "seccomp": seccompy.supported()}
    return [name for name, there in lacks.items() if not there]


def _libraries() -> list[str]:
    paths = {*sysconfig.get_paths().values(), *SYSTEM, str(PACKAGE), sys.base_prefix}
    paths |= {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    return [path for path in sorted(paths) if Path(path).exists()]


def _all_of_files() -> AccessFS:
    made = AccessFS.MAKE_REG | AccessFS.MAKE_DIR | AccessFS.REMOVE_FILE | AccessFS.REMOVE_DIR
    return READ | AccessFS.WRITE_FILE | AccessFS.TRUNCATE | made


def _is_known(call: str) -> bool:
    try:
        seccompy.syscall_nr(call)
    except (KeyError, ValueError, LookupError, seccompy.SeccompError):
        return False
    return True
