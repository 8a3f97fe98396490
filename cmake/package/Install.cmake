# What goes where. Two components: `capsuled` (daemon, capsulectl and all that an administrator expects beside them) and
# `dev` (the client library for launcher authors). "packaged" builds what is installed and nothing else.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
if(CMAKE_LIBRARY_ARCHITECTURE)
  set(library_dir lib/${CMAKE_LIBRARY_ARCHITECTURE})
else()
  set(library_dir ${CMAKE_INSTALL_LIBDIR})
endif()
set(units ${PROJECT_SOURCE_DIR}/systemd)
set(parts ${PROJECT_SOURCE_DIR}/cmake/package)

# ---- capsuled ----
install(TARGETS capsuled DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT capsuled)
install(TARGETS capsule-broker DESTINATION libexec COMPONENT capsuled)
install(TARGETS capsulectl DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT capsuled)
install(FILES ${parts}/capsule.toml DESTINATION /etc/capsule COMPONENT capsuled
        PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
# Where Debian 12 keeps them, whatever the prefix: not below /usr.
install(FILES ${units}/capsuled.service ${units}/capsuled.socket DESTINATION /lib/systemd/system COMPONENT capsuled)
install(FILES ${units}/sysusers.conf DESTINATION lib/sysusers.d RENAME capsuled.conf COMPONENT capsuled)
install(FILES ${units}/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME capsuled.conf COMPONENT capsuled)
install(FILES ${units}/single-user.conf DESTINATION share/doc/capsuled/examples COMPONENT capsuled)

# Completions come from the command table of the very capsulectl that is installed.
set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated/package)
set(completion_bash ${generated}/capsulectl)
set(completion_zsh ${generated}/_capsulectl)
set(completion_fish ${generated}/capsulectl.fish)
foreach(shell bash zsh fish)
  add_custom_command(OUTPUT ${completion_${shell}}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
    COMMAND capsulectl completion ${shell} > ${completion_${shell}}
    DEPENDS capsulectl VERBATIM)
  list(APPEND made ${completion_${shell}})
endforeach()
install(FILES ${completion_bash} DESTINATION share/bash-completion/completions COMPONENT capsuled)
install(FILES ${completion_zsh} DESTINATION share/zsh/vendor-completions COMPONENT capsuled)
install(FILES ${completion_fish} DESTINATION share/fish/vendor_completions.d COMPONENT capsuled)

# compressed(SOURCE NAME DIRECTORY COMPONENT…): gzip as Debian wants it, the same bytes from every build.
function(compressed source name directory)
  add_custom_command(OUTPUT ${generated}/${name}.gz
    COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
    COMMAND gzip --best --no-name --stdout ${source} > ${generated}/${name}.gz
    DEPENDS ${source} VERBATIM)
  set(made ${made} ${generated}/${name}.gz PARENT_SCOPE)
  foreach(component ${ARGN})
    string(REPLACE "<package>" ${package_of_${component}} place ${directory})
    install(FILES ${generated}/${name}.gz DESTINATION ${place} COMPONENT ${component})
  endforeach()
endfunction()
set(package_of_capsuled capsuled)
set(package_of_dev libcapsule-dev)

compressed(${parts}/debian/changelog changelog.Debian share/doc/<package> capsuled dev)
compressed(${PROJECT_SOURCE_DIR}/CHANGELOG.md changelog share/doc/<package> capsuled dev)
foreach(component capsuled dev)
  set(package ${package_of_${component}})
  install(FILES ${parts}/debian/copyright DESTINATION share/doc/${package} COMPONENT ${component})
  install(FILES ${parts}/debian/${package}.overrides DESTINATION share/lintian/overrides RENAME ${package}
          COMPONENT ${component})
endforeach()

# Manual pages: docs/man/NAME.SECTION.md. The commands in capsulectl's are its --help, the settings' page is
# docs/configuration.md. Quotes, "$" and "~" stay as they are typed.
set(dialect markdown-smart-subscript-superscript-tex_math_dollars)
set(settings_filter ${CMAKE_CURRENT_LIST_DIR}/settings_manual.lua)
foreach(page capsulectl.1 capsule.toml.5 capsuled.8)
  set(text ${PROJECT_SOURCE_DIR}/docs/man/${page}.md)
  set(more "")
  if(page STREQUAL "capsulectl.1")
    set(text ${generated}/${page}.md)
    add_custom_command(OUTPUT ${text}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
      COMMAND ${CMAKE_CURRENT_LIST_DIR}/commands_manual.sh $<TARGET_FILE:capsulectl> ${PROJECT_SOURCE_DIR}/docs/man/${page}.md
        > ${text}
      DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/${page}.md ${CMAKE_CURRENT_LIST_DIR}/commands_manual.sh capsulectl VERBATIM)
  elseif(page STREQUAL "capsule.toml.5")
    set(text ${PROJECT_SOURCE_DIR}/docs/configuration.md)
    set(more --metadata=title:CAPSULE.TOML --metadata=section:5 --lua-filter=${settings_filter})
  endif()
  add_custom_command(OUTPUT ${generated}/${page}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
    COMMAND pandoc --standalone --from ${dialect} --to man "--variable=footer=capsuled ${PROJECT_VERSION}" ${more}
      --output ${generated}/${page} ${text}
    DEPENDS ${text} ${settings_filter} VERBATIM)
  string(REGEX MATCH "[0-9]$" section ${page})
  compressed(${generated}/${page} ${page} share/man/man${section} capsuled)
endforeach()

# ---- libcapsule-dev ----
install(TARGETS capsule_client capsule_protocol capsule_asio EXPORT capsule
        ARCHIVE DESTINATION ${library_dir} COMPONENT dev
        INCLUDES DESTINATION include/capsule)
install(FILES ${PROJECT_SOURCE_DIR}/client/client.hpp ${PROJECT_SOURCE_DIR}/client/client_error.hpp
        DESTINATION include/capsule/client COMPONENT dev)
foreach(theme auth common metrics notice provider session spawn status usage)
  list(APPEND messages ${PROJECT_SOURCE_DIR}/protocol/${theme}_messages.hpp)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/protocol/errors.hpp ${PROJECT_SOURCE_DIR}/protocol/messages.hpp ${messages}
              ${PROJECT_SOURCE_DIR}/protocol/socket_path.hpp
        DESTINATION include/capsule/protocol COMPONENT dev)
install(EXPORT capsule NAMESPACE capsule:: FILE capsule-targets.cmake DESTINATION ${library_dir}/cmake/capsule
        COMPONENT dev)
write_basic_package_version_file(${generated}/capsule-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${parts}/capsule-config.cmake ${generated}/capsule-config-version.cmake
        DESTINATION ${library_dir}/cmake/capsule COMPONENT dev)

add_custom_target(packaged DEPENDS capsuled capsule-broker capsulectl capsule_client capsule_protocol capsule_asio ${made})
