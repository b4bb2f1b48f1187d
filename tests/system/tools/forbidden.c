/* forbidden: makes system calls that no service of the switch has any use for, and prints a JSON object of what the kernel said to each.
 *
 * Run in a container it tells what is refused there. Harmless wherever it runs: what is not refused fails for its arguments, or concerns this
 * process alone. Linked statically, so that it runs in any image.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *separator = "{";

static void say(const char *name, long result)
{
    printf("%s\"%s\": \"%s\"", separator, name, result >= 0 ? "done" : strerrorname_np(errno));
    separator = ", ";
}

int main(void)
{
    say("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1));
    say("mount", mount("none", "/nonexistent", "tmpfs", 0, NULL)); /* where it may mount: ENOENT */
    say("unshare", unshare(CLONE_NEWUSER));
    say("socket_alg", socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0));
    say("socket_packet", socket(AF_PACKET, SOCK_RAW, 0));
    say("bpf", syscall(SYS_bpf, 0, NULL, 0));
    say("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    say("process_vm_readv", syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
    say("personality", syscall(SYS_personality, 0x0008000));
    say("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    printf("}\n");
    return 0;
}
