# The Debian package: what is installed where, and what dpkg is told. deploy/package makes it; deploy/debian has its scripts.
set(package_programs busbar-configdb busbar-ofagent busbar-slowpath busbar-fastpath)
set(package_dir ${CMAKE_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${package_dir})

# The manual pages and the completion are what the programs themselves say.
set(package_files ${package_dir}/swctl.bash ${package_dir}/changelog.gz)
foreach(program ${package_programs} swctl)
    list(APPEND package_pages ${package_dir}/${program}.8.gz)
    add_custom_command(
        OUTPUT ${package_dir}/${program}.8.gz
        COMMAND sh -c "${CMAKE_SOURCE_DIR}/deploy/man $<TARGET_FILE:${program}> ${PROJECT_VERSION} | gzip -9n > ${package_dir}/${program}.8.gz"
        DEPENDS ${program} ${CMAKE_SOURCE_DIR}/deploy/man VERBATIM)
endforeach()
add_custom_command(
    OUTPUT ${package_files}
    COMMAND sh -c "$<TARGET_FILE:swctl> completion bash > ${package_dir}/swctl.bash"
    COMMAND sh -c "gzip -9n < ${CMAKE_SOURCE_DIR}/deploy/debian/changelog > ${package_dir}/changelog.gz"
    DEPENDS swctl ${CMAKE_SOURCE_DIR}/deploy/debian/changelog VERBATIM)
add_custom_target(package_files DEPENDS ${package_pages} ${package_files})

set(deploy ${CMAKE_SOURCE_DIR}/deploy)
install(TARGETS ${package_programs} DESTINATION sbin)
install(TARGETS swctl DESTINATION bin)
install(FILES ${deploy}/common DESTINATION lib/busbar)
install(PROGRAMS ${deploy}/systemd/launch DESTINATION lib/busbar)
install(PROGRAMS ${deploy}/systemd/generator DESTINATION /lib/systemd/system-generators RENAME busbar)
install(FILES ${deploy}/systemd/busbar.target ${deploy}/systemd/run-busbar-bpf.mount ${deploy}/systemd/busbar-configdb.service ${deploy}/systemd/busbar-ofagent@.service
              ${deploy}/systemd/busbar-slowpath@.service ${deploy}/systemd/busbar-fastpath@.service DESTINATION /lib/systemd/system)
install(FILES ${deploy}/systemd/busbar.tmpfiles DESTINATION lib/tmpfiles.d RENAME busbar.conf)
install(FILES ${deploy}/systemd/busbar.conf DESTINATION /etc/busbar)
install(FILES ${package_pages} DESTINATION share/man/man8)
install(FILES ${package_dir}/swctl.bash DESTINATION share/bash-completion/completions RENAME swctl)
install(FILES ${package_dir}/changelog.gz DESTINATION share/doc/busbar)
install(FILES ${deploy}/debian/copyright ${CMAKE_SOURCE_DIR}/docs/operations.md ${CMAKE_SOURCE_DIR}/docs/metrics.md ${CMAKE_SOURCE_DIR}/docs/schema.md
              ${CMAKE_SOURCE_DIR}/docs/several-hosts.md DESTINATION share/doc/busbar)
install(FILES ${deploy}/prometheus/alerts.yml ${deploy}/prometheus/prometheus.yml ${deploy}/prometheus/two-switches.yml
        DESTINATION share/busbar/prometheus)
install(DIRECTORY ${deploy}/grafana DESTINATION share/busbar)
install(DIRECTORY ${deploy}/prometheus/consoles DESTINATION share/busbar/prometheus)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME busbar)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Busbar developers <busbar@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "software switch of processes that talk over a message bus")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, iproute2, mount")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Busbar forwards Ethernet frames as OpenFlow controllers say, or as a learning
switch. Packets come and go by AF_XDP; each process may die and come back
while the rest forwards.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deploy}/debian/postinst ${deploy}/debian/prerm ${deploy}/debian/postrm ${deploy}/debian/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
