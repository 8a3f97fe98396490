-- capsule.toml(5) is docs/configuration.md: its tables as lists of terms, without links and without what a terminal shows.

local function sentence(header, cell)
  local text = pandoc.utils.stringify(cell)
  if text == "" then return {} end
  local inlines = pandoc.utils.blocks_to_inlines(cell)
  local name = pandoc.utils.stringify(header)
  if name ~= "" and name ~= "key" then
    table.insert(inlines, 1, pandoc.Str(name .. ": "))
  end
  if not text:match("[.:]$") then table.insert(inlines, pandoc.Str(".")) end
  table.insert(inlines, pandoc.Space())
  return inlines
end

function Table(element)
  local simple = pandoc.utils.to_simple_table(element)
  local items = {}
  for _, row in ipairs(simple.rows) do
    local words = {}
    for column = 2, #row do
      for _, inline in ipairs(sentence(simple.headers[column], row[column])) do table.insert(words, inline) end
    end
    table.insert(items, {{pandoc.Strong(pandoc.utils.blocks_to_inlines(row[1]))}, {{pandoc.Plain(words)}}})
  end
  return pandoc.DefinitionList(items)
end

function CodeBlock(element)
  if element.classes:includes("console") then return {} end
end

function RawBlock()
  return {}
end

function Link(element)
  return element.content
end

function Header(element)
  element.level = element.level - 1
  if element.level > 0 then return element end
  return {
    pandoc.Header(1, "NAME"),
    pandoc.Para("capsule.toml - configuration of capsuled"),
    pandoc.Header(1, "DESCRIPTION"),
  }
end

function Pandoc(document)
  table.insert(document.blocks, pandoc.Header(1, "SEE ALSO"))
  table.insert(document.blocks, pandoc.Para({pandoc.Strong("capsuled"), pandoc.Str("(8), "), pandoc.Strong("capsulectl"), pandoc.Str("(1)")}))
  return document
end
